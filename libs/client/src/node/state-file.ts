import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { makeFilesPrivate } from '@cim/runtime';
import { JournalFile } from './journal-file.ts';
import { type Locked, LockFile } from './lock-file.ts';
import { ProcessedFile } from './processed-file.ts';
import { parseState } from '../saved-state.ts';
import {
  type Storage,
  type ProcessedRecord,
  RECORDS_AT_MOST,
  type SavedState,
  withProcessed,
} from '../state.ts';

/** The state of `fileState`. It has stored its arguments when its methods return. */
export interface FileState extends Storage {
  save(state: SavedState): undefined;
  processed(record: ProcessedRecord): undefined;
  /**
   * Locks the state before the client does, for a program that should not go on without it. `close` releases
   * it.
   * @returns the holder in words; undefined when nobody else holds it
   */
  claim(): Promise<string | undefined>;
}

/**
 * Version 2: cursors of any group and of own copies. A file without a version has the first one, and is read.
 */
const VERSION = 2;

/**
 * A state in files of mode 0600 (they hold the session secret and texts):
 * - `<path>`: the state, replaced by rename, so that a crash leaves the old or the new one;
 * - `<path>.processed`: messages processed since then, appended;
 * - `<path>.sends`: the journal of unanswered sends, appended;
 * - `<path>.lock`: locked while a client has the state. Another client waits for 1.5 s; then it loads and
 *   saves nothing.
 *
 * A file that cannot be read is set aside.
 * @param note called with one line for a person: a damaged file, or one in use
 */
export function fileState(path: string, note: (line: string) => void = () => undefined): FileState {
  const lock = new LockFile(`${path}.lock`);
  const journal = new JournalFile(`${path}.sends`, note);
  const processed = new ProcessedFile(`${path}.processed`);
  let held = false;
  /** The state as it was last saved. */
  let saved: SavedState | undefined;
  const save = (state: SavedState): void => {
    const after = randomUUID();
    const next = `${path}.new`;
    writeFileSync(next, JSON.stringify({ version: VERSION, ...state, after }), { mode: 0o600 });
    renameSync(next, path);
    saved = state;
    processed.start(after);
  };
  const read = (): SavedState | undefined => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        note(`${path} cannot be read: ${String(error)}`);
      return undefined;
    }
    const raw = parseJson(text);
    const newer = versionOf(raw) > VERSION;
    const state = newer ? undefined : parseState(raw);
    if (state !== undefined) return withProcessed(state, processed.read(afterOf(raw)));
    const aside = `${path}.${newer ? 'newer' : 'damaged'}`;
    renameSync(path, aside);
    const why = newer ? 'was written by a newer version of this program' : 'was damaged';
    note(`${path} ${why} and is set aside as ${aside}; starting without it`);
    return undefined;
  };
  /** The client locks the state, unless the program has done so already. */
  const claim = async (): Promise<Locked | undefined> => {
    if (held) return { locked: true };
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    makeFilesPrivate(dirname(path), (name) => name.startsWith(basename(path)));
    const answer = await lock.acquire();
    held = answer?.locked === true;
    if (answer?.locked === true && answer.warning !== undefined)
      note(`${path} is not locked: ${answer.warning}`);
    return answer;
  };
  return {
    async claim() {
      const answer = await claim();
      return answer?.locked === false ? answer.holder : undefined;
    },
    sends: {
      open: (user) => (held ? journal.open(user) : []),
      note: (record) => journal.note(record),
    },
    async load() {
      const answer = await claim();
      if (answer === undefined) return undefined; // closed meanwhile
      if (!answer.locked) {
        note(`${path} is in use by ${answer.holder}; this client remembers nothing`);
        return undefined;
      }
      saved = read();
      return saved;
    },
    save(state) {
      if (held) save(state);
      return undefined;
    },
    processed(record) {
      if (!held) return undefined;
      processed.add(record);
      if (processed.records.length >= RECORDS_AT_MOST && saved !== undefined)
        save(withProcessed(saved, processed.records));
      return undefined;
    },
    close() {
      held = false;
      journal.close();
      processed.close();
      lock.release();
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const versionOf = (raw: unknown): number =>
  typeof raw === 'object' && raw !== null && 'version' in raw && typeof raw.version === 'number'
    ? raw.version
    : 1;

const afterOf = (raw: unknown): string =>
  typeof raw === 'object' && raw !== null && 'after' in raw && typeof raw.after === 'string' ? raw.after : '';
