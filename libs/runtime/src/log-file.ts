/** Where log lines go: to standard error, and to rotated files when these are set. */
import { once } from 'node:events';
import pino, { type DestinationStream } from 'pino';

/** Most bytes of lines that wait for a slow disk or reader. Further lines are dropped. */
const WAITING_BYTES = 4 * 1024 * 1024;
/** Longest time that a program waits for its last lines when it ends [ms]. */
const END_WITHIN_MS = 1_000;
/** Shortest time between two reports of a file that cannot be written [ms]. */
const TOLD_EVERY_MS = 60_000;

export interface LogLines extends DestinationStream {
  /**
   * Writes the waiting lines at the end of a program; files get no lines after it. Gives up after
   * `END_WITHIN_MS`.
   */
  readonly end: () => Promise<void>;
}

export interface LogFileSettings {
  /** Beginning of the paths of the files; '' for no files. */
  readonly logFile: string;
  /** A file of this size is followed by a new one [MB]. */
  readonly logFileMb: number;
  /** Number of older files that are kept. */
  readonly logFilesKept: number;
}

/**
 * Opens standard error, and the files if they are set. A full disk loses lines of the file and nothing else.
 * @throws {Error} one line: the first file cannot be opened
 */
export async function logLines(settings: LogFileSettings): Promise<LogLines> {
  const errors = standardError();
  if (settings.logFile === '') return { write: (line) => errors.write(line), end: () => Promise.resolve() };
  const file = await openFile(settings);
  let ended = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  const failed = (why: string): void => {
    const now = performance.now();
    if (now - toldAt < TOLD_EVERY_MS) return;
    toldAt = now;
    const line = { level: pino.levels.values['warn'], time: Date.now(), file: settings.logFile, why };
    errors.write(`${JSON.stringify({ ...line, msg: 'log-file.failed: lines are missing there' })}\n`);
  };
  file.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? error.message));
  file.on('drop', () => failed('the disk is too slow, or takes nothing'));
  return {
    write: (line) => {
      errors.write(line);
      if (!ended) file.write(line);
    },
    // Neither `flush` nor `flushSync` fits: the first does not wait, and the second waits for a full disk for
    // ever.
    end: () =>
      new Promise((resolve) => {
        ended = true;
        const late = setTimeout(resolve, END_WITHIN_MS);
        file.once('close', () => {
          clearTimeout(late);
          resolve();
        });
        file.end();
      }),
  };
}

async function openFile({ logFile, logFileMb, logFilesKept }: LogFileSettings) {
  try {
    // Loaded only when files are set: it takes a while.
    const { default: roll } = await import('pino-roll');
    const file = await roll({
      file: logFile,
      ...{ frequency: 'daily' as const, dateFormat: 'yyyy-MM-dd' },
      size: `${logFileMb}m`,
      limit: { count: logFilesKept, removeOtherLogFiles: true },
      ...{ mkdir: true, sync: false, maxLength: WAITING_BYTES },
    });
    await once(file, 'ready');
    return file;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`CIM_LOG_FILE is ${logFile}, where no file can be written (${code ?? message})`, {
      cause: error,
    });
  }
}

export function standardError(): DestinationStream {
  const lines = pino.destination({ fd: 2, sync: false, maxLength: WAITING_BYTES });
  // When the terminal is gone, the reader has left or the disk is full, the line is lost and the program goes
  // on.
  lines.on('error', () => undefined);
  return lines;
}
