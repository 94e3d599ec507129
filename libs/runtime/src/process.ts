import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';
import { readConfig, type Schema, type Values } from './config.ts';
import type { Logger } from './logger.ts';
import { redactText } from './redaction.ts';
import { settingNames } from './settings.ts';

/** What a running program offers its `main.ts`. */
export interface Running {
  /** Finishes what is accepted, accepts nothing new, closes. Resolves when the process may end. Idempotent. */
  stop(): Promise<void>;
}

/** What a start is given. */
export interface Starting {
  /** Aborted by the first signal: a start that waits should end, by throwing. */
  readonly stopping: AbortSignal;
  /**
   * Called when the program stops, also when its start has not finished. The last part stops first.
   * @throws {Error} when the program is stopping already: the start goes no further
   */
  readonly onStop: (stop: () => unknown) => void;
}

/**
 * Runs a program from its start to its end. SIGTERM, SIGINT and SIGHUP stop it, from the first moment on: a process
 * that is number 1 of a container is not ended by a signal that it does not handle. An unexpected error is logged and
 * survived (no input ends a process). A second SIGTERM or SIGINT ends the process at once. A second SIGHUP does not: a
 * terminal that closes may send several. A start that fails ends the process with one line and exit code 1.
 * @param stopWithinMs after this the process ends whatever is unfinished, with exit code 1
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
    // A start that a signal has ended has not failed.
    if (!abort.signal.aborted) failStart(program, error);
  }
}

/** The standard streams, 0 to 2, that are terminals now. Ask before the terminal can be gone. */
export const openTerminals = (): readonly number[] => [0, 1, 2].filter((fd) => isatty(fd));

/**
 * Ends the process, with nothing in the place of its terminals. Node restores the mode of each terminal at its end and
 * aborts at one that is gone; it passes over a stream that is another file by then. A logger writes its last lines there.
 */
export function exitWithout(terminals: readonly number[], code: number): never {
  for (const fd of terminals)
    try {
      closeSync(fd);
      // The system gives the lowest free number, which is this one.
      openSync(devNull, 'r+');
    } catch {
      // closed already
    }
  process.exit(code);
}

/** A start that failed: one line for a person, exit code 1. */
export function failStart(program: string, error: unknown): never {
  console.error(redactText(`${program}: ${error instanceof Error ? error.message : String(error)}`));
  process.exit(1);
}

/** Reads the configuration of a program, or ends it: 0 after --help, 1 with one line a problem. */
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

/** Where the secrets of a program were read from that are in files, once it is configured. */
export function configuredFiles<S extends Schema>(schema: S): { readonly [K in keyof S]?: string } {
  const result = readConfig('', schema, process.argv.slice(2), process.env, settingNames);
  return result.kind === 'values' ? result.files : {};
}
