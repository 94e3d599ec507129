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
 * Ties a program to its process: SIGTERM and SIGINT drain, a second one ends at once, an unexpected error is logged
 * and survived (no input ends a process).
 * @param stopWithinMs after this the process ends whatever is unfinished, with exit code 1
 */
export function runUntilSignal(running: Running, logger: Logger, stopWithinMs: number): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'process.stopping');
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    running.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, 'process.stop-failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('unhandledRejection', (error) => logger.error({ err: error }, 'process.unexpected'));
  process.on('uncaughtException', (error) => logger.error({ err: error }, 'process.unexpected'));
}

/** A start that failed: one line for a person, exit code 1. */
export function failStart(program: string, error: unknown): never {
  console.error(redactText(`${program}: ${error instanceof Error ? error.message : String(error)}`));
  process.exit(1);
}

/** Reads the configuration of a program, or ends it: 0 after --help, 1 with one line a problem. */
export function configureProcess<S extends Schema>(program: string, schema: S): Values<S> {
  const result = readConfig(program, schema, process.argv.slice(2), process.env, settingNames);
  if (result.kind === 'values') return result.values;
  if (result.kind === 'help') process.stdout.write(result.text);
  else for (const problem of result.problems) console.error(`${program}: ${problem}`);
  process.exit(result.kind === 'help' ? 0 : 1);
}
