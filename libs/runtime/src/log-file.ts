/** Where log lines go: standard error and, if wanted, files beside it that are rotated. */
import { once } from 'node:events';
import pino, { type DestinationStream } from 'pino';

/** Lines that wait for a disk or a reader that does not take them [bytes]: what comes above that is left out. */
const WAITING_BYTES = 4 * 1024 * 1024;
/** A program that ends waits so long for its last lines [ms]. */
const END_WITHIN_MS = 1_000;
/** A file that cannot be written is told of so often [ms]. */
const TOLD_EVERY_MS = 60_000;

export interface LogLines extends DestinationStream {
  /** Writes out what waits, at the end of a program; files get no further lines. A disk that does not take it is not waited for. */
  readonly end: () => Promise<void>;
}

export interface LogFileSettings {
  /** Path that the names of the files begin with; '' for no files. */
  readonly logFile: string;
  /** A file that is larger is followed by another one. */
  readonly logFileMb: number;
  /** How many are kept beside the one that is written. */
  readonly logFilesKept: number;
}

/**
 * Standard error alone, or with files. A disk that is full costs lines of the file, and nothing else.
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
    // `flush` waits for nothing, and `flushSync` for a full disk for ever.
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
    // Loaded by those who want it: it takes a while.
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
  // The terminal is gone, the reader has left or the disk is full: a line is lost, and the program goes on.
  lines.on('error', () => undefined);
  return lines;
}
