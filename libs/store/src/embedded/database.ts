import { readdir } from 'node:fs/promises';
import { makePrivate } from '@cim/runtime';
import { ClassicLevel } from 'classic-level';

export type Database = ClassicLevel<string, Uint8Array>;

const LEVELDB_FILE = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(ldb|sst|log|dbtmp))$/;

/**
 * Opens the LevelDB in a folder, which is made when it is not there. The folder and its files are closed to other users.
 * @throws {Error} one line that says what to do: the folder is in use, cannot be written, or is damaged
 */
export async function openDatabase(dir: string): Promise<Database> {
  let files: string[];
  try {
    makePrivate(dir, (name) => LEVELDB_FILE.test(name));
    files = await readdir(dir);
  } catch (cause) {
    throw unusable(dir, codeOf(cause), cause);
  }
  // LevelDB takes a folder without CURRENT for a new one and would write over what is there.
  if (!files.includes('CURRENT') && files.some((file) => /\.(ldb|sst|log)$/.test(file)))
    throw unusable(dir, 'LEVEL_CORRUPTION', undefined);
  const database = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' });
  try {
    await database.open();
    return database;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    // CURRENT names a file that is gone.
    const damaged = files.includes('CURRENT') && /no such file/i.test(String(cause));
    throw unusable(dir, damaged ? 'LEVEL_CORRUPTION' : codeOf(cause), cause);
  }
}

function unusable(dir: string, code: string, cause: unknown): Error {
  switch (code) {
    case 'LEVEL_LOCKED':
      return new Error(
        `the data folder ${dir} is in use by another process; end that one, or set CIM_DATA_DIR to another`,
        {
          cause,
        },
      );
    case 'LEVEL_CORRUPTION':
      return new Error(
        `the data folder ${dir} is damaged; put a copy of it in its place, or set CIM_DATA_DIR to a new one`,
        {
          cause,
        },
      );
    case 'EEXIST':
    case 'ENOTDIR':
      return new Error(`the data folder ${dir} is not a folder; set CIM_DATA_DIR to one`, { cause });
    default: {
      const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
      return new Error(
        `the data folder ${dir} cannot be used (${reason}); make it writable, or set CIM_DATA_DIR to another`,
        {
          cause,
        },
      );
    }
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
