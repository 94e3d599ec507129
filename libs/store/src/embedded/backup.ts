/**
 * Copies of a data folder: taken while its store runs, checked, and put back. A copy holds what was on disk at one moment. The
 * cluster secret and log files are not part of it.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Slice, silentLogger } from '@cim/runtime';
import type { Backup, Verified } from '../backup.ts';
import { audit } from './audit.ts';
import { openDatabase, reasonOf } from './database.ts';
import { refuseOtherFormat } from './format.ts';
import { BATCHES } from './keys.ts';
import { Ledger } from './ledger.ts';
import { decodeRecord } from './record-bytes.ts';
import type { BatchesRecord } from './records.ts';
import { Witness } from './witness.ts';

/** A copy is made under this name beside its own, and renamed when it is whole and checked. */
const UNFINISHED = '.unfinished';
/** Rows that are written at once [bytes]. */
const BATCH_BYTES = 1024 * 1024;

/**
 * @param ledger of the folder that is copied; it goes on meanwhile
 * @throws {Error} one line: the folder is there already, cannot be written, or what was copied is damaged. Nothing is left behind
 */
export async function backUp(ledger: Ledger, folder: string): Promise<Backup> {
  return intoNew(folder, async (unfinished) => {
    const database = await openDatabase(unfinished);
    let [records, bytes, batches] = [0, 0, 0];
    try {
      let batch = database.batch();
      let waiting = 0;
      const slice = new Slice();
      for await (const [key, row] of ledger.snapshot()) {
        batch.put(key, row);
        records++;
        bytes += key.length + row.length;
        waiting += key.length + row.length;
        if (key === BATCHES) batches = (decodeRecord(row) as BatchesRecord).count;
        if (waiting > BATCH_BYTES) {
          await batch.write();
          batch = database.batch();
          waiting = 0;
        }
        if (slice.over) await slice.next();
      }
      await batch.write({ sync: true });
    } finally {
      await database.close();
    }
    Witness.open(unfinished, batches).close();
    await requireWhole(unfinished, 'what was copied is damaged');
    return { folder, records, bytes };
  });
}

/**
 * Reads all of a folder that no process has open.
 * @throws {Error} one line: there is no such folder, it is in use, or LevelDB cannot open it
 */
export async function verify(folder: string): Promise<Verified> {
  // LevelDB would make one.
  if (!existsSync(join(folder, 'CURRENT'))) throw new Error(`${folder} holds no data of standalone`);
  const ledger = await Ledger.open(folder, silentLogger());
  try {
    await refuseOtherFormat(ledger, folder);
    const { problems, streams, accounts } = await audit(ledger);
    return { folder, problems, streams, accounts };
  } finally {
    await ledger.close();
  }
}

/**
 * Puts a copy in the place of a data folder that is missing or empty. The copy stays as it is.
 * @throws {Error} one line: the copy is damaged or missing, or the folder holds something. Nothing is left behind
 */
export async function restore(backup: string, folder: string): Promise<Verified> {
  await requireWhole(backup, `the backup ${backup} is damaged`);
  if (existsSync(folder) && (await stat(folder)).isDirectory() && (await readdir(folder)).length === 0)
    await rm(folder, { recursive: true });
  return intoNew(folder, async (unfinished) => {
    await mkdir(unfinished, { recursive: true, mode: 0o700 });
    for (const file of await readdir(backup))
      if (file !== 'LOCK') {
        await copyFile(join(backup, file), join(unfinished, file));
        await onDisk(join(unfinished, file));
      }
    return { ...(await requireWhole(unfinished, 'the copy is damaged')), folder };
  });
}

async function requireWhole(folder: string, why: string): Promise<Verified> {
  const verified = await verify(folder);
  const [first] = verified.problems;
  if (first !== undefined)
    throw new Error(`${why} (${first}${verified.problems.length > 1 ? ', and more' : ''})`);
  return verified;
}

/** Makes a folder, whole or not at all. */
async function intoNew<T>(folder: string, make: (unfinished: string) => Promise<T>): Promise<T> {
  if (existsSync(folder)) throw new Error(`${folder} is there already; name a folder that is not`);
  if (!existsSync(dirname(folder))) throw new Error(`there is no folder ${dirname(folder)}`);
  const unfinished = `${folder}${UNFINISHED}`;
  try {
    // Of a try whose process was ended.
    await rm(unfinished, { recursive: true, force: true });
    const made = await make(unfinished);
    await rename(unfinished, folder);
    await onDisk(dirname(folder));
    return made;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
    const { code, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
    // What the system says of a disk stands in the cause of what LevelDB says.
    throw new Error(
      code === undefined ? reasonOf(error) : `${folder} cannot be written: ${reasonOf(cause ?? error)}`,
      {
        cause: error,
      },
    );
  }
}

async function onDisk(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
