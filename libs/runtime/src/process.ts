import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';
import { readConfig, type Schema, type Values } from './config.ts';
import type { Logger } from './logger.ts';
import { redactText } from './redaction.ts';
import { settingNames } from './settings.ts';

/** The running program, as `main.ts` sees it. */
export interface Running {
  /** Finishes accepted work, accepts nothing new, and closes. Resolves when the process may end. Idempotent. */
  stop(): Promise<void>;
}

/** The arguments of a start. */
export interface Starting {
  /** Aborted by the first signal. A start that waits should then throw. */
  readonly stopping: AbortSignal;
  /**
   * Registers a function that runs when the program stops, also when it stops before its start has finished.
   * The function registered last runs first.
   * @throws {Error} when the program is stopping already: the start goes no further
   */
  readonly onStop: (stop: () => unknown) => void;
}

/**
 * Runs a program from start to end. SIGTERM, SIGINT and SIGHUP stop it from its first moment: a process with
 * number 1 in a container ignores a signal that it does not handle. An unexpected error is logged, and the
 * process goes on (no input ends a process). A second SIGTERM or SIGINT ends the process at once. A second
 * SIGHUP does not: a terminal that closes may send several. A start that fails ends the process with one line
 * and exit code 1.
 * @param stopWithinMs the process ends this long after the signal, whatever is unfinished, with exit code 1
 */
export async function runProgram(
  program: string,
  logger: Logger,
  stopWithinMs: number,
  start: (starting: Starting) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const stops: (() => unknown)[] = [];
  const terminals = openTerminals();
  let hungUp = false;
  const exit = (code: number): never => exitWithout(hungUp ? terminals : [], code);
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.reverse()) await stop();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    hungUp ||= signal === 'SIGHUP';
    if (abort.signal.aborted) {
      if (signal !== 'SIGHUP') exit(1);
      return;
    }
    logger.info({ signal }, 'process.stopping');
    setTimeout(() => exit(1), stopWithinMs).unref();
    abort.abort(new Error(`stopped by ${signal}`));
    stopAll().then(
      () => exit(0),
      (error: unknown) => {
        logger.error({ error }, 'process.stop-failed');
        exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'process.unexpected'));
  process.on('uncaughtException', (error) => logger.error({ err: error }, 'process.unexpected'));
  try {
    await start({
      stopping: abort.signal,
      onStop: (stop) => {
        abort.signal.throwIfAborted();
        stops.push(stop);
      },
    });
  } catch (error) {
    // The error of a start that a signal has aborted is not a failure.
    if (!abort.signal.aborted) failStart(program, error);
  }
}

/** The standard streams (0 to 2) that are terminals. Ask before a terminal can be gone. */
export const openTerminals = (): readonly number[] => [0, 1, 2].filter((fd) => isatty(fd));

/**
 * Ends the process after it has replaced its terminals by /dev/null. At its end Node restores the mode of
 * each terminal, and aborts when one is gone; it passes over a stream that is another file by then. A logger
 * writes its last lines there.
 */
export function exitWithout(terminals: readonly number[], code: number): never {
  for (const fd of terminals)
    try {
      closeSync(fd);
      // The system gives the lowest free number, which is the one just closed.
      openSync(devNull, 'r+');
    } catch {
      // closed already
    }
  process.exit(code);
}

/** Ends the process after a failed start: one line for a person, exit code 1. */
export function failStart(program: string, error: unknown): never {
  console.error(redactText(`${program}: ${error instanceof Error ? error.message : String(error)}`));
  process.exit(1);
}

/**
 * Reads the configuration of a program. Ends the process with 0 after --help, and with 1 and one line a
 * problem.
 */
export function configureProcess<S extends Schema>(program: string, schema: S): Values<S> {
  const result = readConfig(program, schema, process.argv.slice(2), process.env, settingNames);
  if (result.kind === 'values') {
    for (const warning of result.warnings) console.error(`${program}: ${warning}`);
    return result.values;
  }
  if (result.kind === 'help') process.stdout.write(result.text);
  else for (const problem of result.problems) console.error(`${program}: ${problem}`);
  process.exit(result.kind === 'help' ? 0 : 1);
}

/** Paths of the files that the secrets of a configured program were read from. */
export function configuredFiles<S extends Schema>(schema: S): { readonly [K in keyof S]?: string } {
  const result = readConfig('', schema, process.argv.slice(2), process.env, settingNames);
  return result.kind === 'values' ? result.files : {};
}
