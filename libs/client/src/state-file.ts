import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isProducerId, isSeq, isUserId, type MessageId } from '@cim/protocol';
import { JournalFile } from './journal-file.ts';
import type { ClientState, Cursor, SavedState, StoredCounter } from './state.ts';

/**
 * State in a file: mode 0600 (it holds the session secret), replaced by rename, so that a crash leaves the old or the
 * new one; beside it, as `<path>.sends`, the journal of unanswered sends. A file that cannot be read is set aside. While another process holds the file, for over 1.5 s,
 * nothing is loaded or saved.
 * @param note told in one line what a person should know: a damaged file, one that is in use
 */
export function fileState(path: string, note: (line: string) => void = () => undefined): ClientState {
  const lock = `${path}.lock`;
  const journal = new JournalFile(`${path}.sends`, note);
  let held = false;
  const release = (): void => {
    journal.close();
    if (held) rmSync(lock, { force: true });
    held = false;
  };
  return {
    sends: {
      open: (user) => (held ? journal.open(user) : undefined),
      note: (record) => journal.note(record),
    },
    async load() {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const holder = await waitForLock(lock);
      if (holder !== undefined) {
        note(`${path} is in use by process ${holder}; this client remembers nothing`);
        return undefined;
      }
      held = true;
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          note(`${path} cannot be read: ${String(error)}`);
        return undefined;
      }
      const state = parseState(text);
      if (state === undefined) {
        renameSync(path, `${path}.damaged`);
        note(`${path} was damaged and is set aside as ${path}.damaged; starting without it`);
      }
      return state;
    },
    save(state) {
      if (!held) return;
      const next = `${path}.new`;
      writeFileSync(next, JSON.stringify(state), { mode: 0o600 });
      renameSync(next, path);
    },
    close: release,
  };
}

/** The process before may be saying goodbye just now. */
const LOCK_WAIT_MS = 1_500;

async function waitForLock(lock: string): Promise<number | undefined> {
  const end = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const holder = takeLock(lock);
    if (holder === undefined || performance.now() > end) return holder;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Undefined when the lock is ours now, else the id of the live process that has it. */
function takeLock(lock: string): number | undefined {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const fd = openSync(lock, 'wx', 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    let holder = 0;
    try {
      holder = Number(readFileSync(lock, 'utf8'));
    } catch {
      continue; // released between the two calls
    }
    if (isAlive(holder)) return holder;
    rmSync(lock, { force: true });
  }
  return 0;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Dead, and nobody has asked how it ended: in a container perhaps nobody ever does. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false; // not Linux
  }
}

/** Whatever a file holds: the state, or undefined. */
export function parseState(text: string): SavedState | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(raw)) return undefined;
  const { userId, session, producers, counters, cursors } = raw;
  if (!isUserId(userId) || typeof session !== 'string' || !Array.isArray(producers)) return undefined;
  if (!isRecord(counters) || !isRecord(cursors) || !producers.every(isProducerId)) return undefined;
  const readCounters: Record<string, SavedState['counters'][string]> = {};
  for (const [stream, value] of Object.entries(counters)) {
    if (!isRecord(value) || !isProducerId(value['producer']) || !isSeq(value['counter'])) return undefined;
    readCounters[stream] = { producer: value['producer'], counter: value['counter'] };
  }
  const readCursors: Record<string, Cursor> = {};
  for (const [stream, value] of Object.entries(cursors)) {
    if (!isRecord(value) || !isSeq(value['seq']) || typeof value['id'] !== 'string') return undefined;
    readCursors[stream] = { seq: value['seq'], id: value['id'] as MessageId };
  }
  return {
    userId,
    session,
    producers,
    counters: readCounters,
    cursors: readCursors,
    seen: readSeen(raw['seen']),
    stored: readStored(raw['stored']),
  };
}

/** A file of an older version has none. */
function readSeen(raw: unknown): SavedState['seen'] {
  if (!isRecord(raw)) return {};
  const seen: Record<string, MessageId[]> = {};
  for (const [stream, ids] of Object.entries(raw))
    if (Array.isArray(ids)) seen[stream] = ids.filter((id): id is MessageId => typeof id === 'string');
  return seen;
}

function readStored(raw: unknown): SavedState['stored'] {
  if (!isRecord(raw)) return {};
  const stored: Record<string, StoredCounter> = {};
  for (const [stream, value] of Object.entries(raw)) {
    if (!isRecord(value)) continue;
    const { producer, counter, at } = value;
    if (isProducerId(producer) && isSeq(counter) && isSeq(at)) stored[stream] = { producer, counter, at };
  }
  return stored;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
