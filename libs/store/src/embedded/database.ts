import { readdir } from 'node:fs/promises';
import { makePrivate } from '@cim/runtime';
import { ClassicLevel } from 'classic-level';
import { damagedLog } from './log-check.ts';

export type Database = ClassicLevel<string, Uint8Array>;

const LEVELDB_FILE = /^(CURRENT|LOCK|LOG|LOG\.old|batches|MANIFEST-\d+|\d+\.(ldb|sst|log|dbtmp))$/;

/**
 * Opens the LevelDB in a folder, and makes the folder when it is missing. The folder and its files are closed
 * to other users.
 * @param acceptLoss whether a damaged database is repaired as far as LevelDB can
 * @throws {Error} one line that says what to do: the folder is in use, cannot be written, or is damaged
 */
export async function openDatabase(dir: string, acceptLoss = false): Promise<Database> {
  let files: string[];
  try {
    makePrivate(dir, (name) => LEVELDB_FILE.test(name));
    files = await readdir(dir);
  } catch (cause) {
    throw unusable(dir, codeOf(cause), cause);
  }
  const log = await damagedLog(dir);
  if (log !== undefined && !acceptLoss) throw damaged(dir, `the file ${log} is`);
  // LevelDB takes a folder without CURRENT for a new one, and would overwrite its data.
  if (!files.includes('CURRENT') && files.some((file) => /^(\d+\.(ldb|sst|log)|MANIFEST-\d+)$/.test(file))) {
    if (!acceptLoss) throw damaged(dir, 'the file CURRENT is missing');
    await repairDatabase(dir);
  }
  const database = new ClassicLevel<string, Uint8Array>(dir, { valueEncoding: 'view' });
  try {
    await database.open();
    return database;
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    // CURRENT names a file that is missing.
    const isDamaged =
      codeOf(cause) === 'LEVEL_CORRUPTION' ||
      (files.includes('CURRENT') && /no such file/i.test(String(cause)));
    if (!isDamaged) throw unusable(dir, codeOf(cause), cause);
    if (!acceptLoss) throw damaged(dir, reasonOf(cause), cause);
    await repairDatabase(dir);
    return openDatabase(dir);
  }
}

/**
 * Rebuilds the database from the data that LevelDB can still read. LevelDB moves the rest to a folder `lost`.
 */
export const repairDatabase = (dir: string): Promise<void> => ClassicLevel.repair(dir);

/** The error for a folder that must not be used as if it were whole: one line with the possible remedies. */
export const damaged = (dir: string, why: string, cause?: unknown): Error =>
  new Error(
    `the data folder ${dir} is damaged (${why}); put a copy of it in its place, set CIM_DATA_DIR to a new one, or start with --accept-loss yes: it goes on with what is left and tells its clients what is lost`,
    { cause },
  );

function unusable(dir: string, code: string, cause: unknown): Error {
  switch (code) {
    case 'LEVEL_LOCKED':
      return new Error(
        `the data folder ${dir} is in use by another process; end that one, or set CIM_DATA_DIR to another`,
        {
          cause,
        },
      );
    case 'EEXIST':
    case 'ENOTDIR':
      return new Error(`the data folder ${dir} is not a folder; set CIM_DATA_DIR to one`, { cause });
    default: {
      return new Error(
        `the data folder ${dir} cannot be used (${reasonOf(cause)}); make it writable, or set CIM_DATA_DIR to another`,
        {
          cause,
        },
      );
    }
  }
}

export const reasonOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/\p{Cc}.*/su, '');

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
