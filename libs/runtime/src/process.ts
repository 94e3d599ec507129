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

/**
 * Ties a program to its process: SIGTERM, SIGINT and SIGHUP drain; an unexpected error is logged and survived (no input
 * ends a process). A second SIGTERM or SIGINT ends the process at once. A second SIGHUP does not: a terminal that closes
 * may send several.
 * @param stopWithinMs after this the process ends whatever is unfinished, with exit code 1
 */
export function runUntilSignal(running: Running, logger: Logger, stopWithinMs: number): void {
  let stopping = false;
  const terminals = openTerminals();
  let hungUp = false;
  const exit = (code: number): never => exitWithout(hungUp ? terminals : [], code);
  const stop = (signal: NodeJS.Signals): void => {
    hungUp ||= signal === 'SIGHUP';
    if (stopping) {
      if (signal !== 'SIGHUP') exit(1);
      return;
    }
    stopping = true;
    logger.info({ signal }, 'process.stopping');
    setTimeout(() => exit(1), stopWithinMs).unref();
    running.stop().then(
      () => exit(0),
      (error: unknown) => {
        logger.error({ error }, 'process.stop-failed');
        exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'process.unexpected'));
  process.on('uncaughtException', (error) => logger.error({ err: error }, 'process.unexpected'));
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
