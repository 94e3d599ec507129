/** Several processes of one program on one machine. The supervisor starts them, starts again what ended, and stops them all. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Backoff } from './backoff.ts';
import type { Logger } from './logger.ts';
import type { Starting } from './process.ts';

/** Delays before a crashed process is started again [ms]: random below a ceiling that doubles. */
const RESTART_BASE_MS = 500;
const RESTART_MAX_MS = 30_000;
/** A process that ran so long has not failed at its start: the next delay is short again [ms]. */
const RAN_WELL_MS = 60_000;
/** What a process says to its supervisor when it serves. */
const SERVES = 'serves';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Before anything is started: every port of every process is free.
 * @throws {Error} names the first that is not
 */
export async function requireFreePorts(addresses: readonly Address[]): Promise<void> {
  const listening = await Promise.allSettled(
    addresses.map(async ({ host, port }) => {
      const server = createServer().listen({ host, port, exclusive: true });
      await once(server, 'listening').catch((cause: unknown) => {
        const error = cause as NodeJS.ErrnoException;
        throw new Error(
          error.code === 'EADDRINUSE'
            ? `port ${port} on ${host} is in use; nothing was started. Is another supervisor or server at work on these ports?`
            : `cannot listen on ${host}:${port} (${error.code ?? error.message}); nothing was started`,
        );
      });
      return server;
    }),
  );
  for (const result of listening) if (result.status === 'fulfilled') result.value.close();
  for (const result of listening) if (result.status === 'rejected') throw result.reason;
}

export interface Supervised {
  /** How many processes. */
  readonly count: number;
  /** Flags of one process, after those of the supervisor itself: the last of equal flags counts. @param index from 0 */
  readonly flagsOf: (index: number) => readonly string[];
  readonly logger: Logger;
}

/**
 * Runs the program of this process several times, and keeps that many running: one that ends is started again, after a
 * crash with a growing delay.
 * @returns when all serve
 * @throws {Error} a process ended before it served for the first time; the others have ended too
 */
export async function supervise(
  { count, flagsOf, logger }: Supervised,
  { stopping, onStop }: Starting,
): Promise<void> {
  const all = Array.from({ length: count }, (_, index) => new Slot(index, flagsOf(index), logger));
  const stop = () => Promise.all(all.map((slot) => slot.stop()));
  onStop(stop);
  try {
    await Promise.all(all.map((slot) => slot.start(stopping)));
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The place of one process, which is filled again when the process ends. */
class Slot {
  readonly #index: number;
  readonly #flags: readonly string[];
  readonly #logger: Logger;
  readonly #backoff = new Backoff(RESTART_BASE_MS, RESTART_MAX_MS);
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether a process of this place has served. Before that its end is the end of the whole start. */
  #served = false;
  #stopping = false;

  constructor(index: number, flags: readonly string[], logger: Logger) {
    this.#index = index;
    this.#flags = flags;
    this.#logger = logger.child({ process: index + 1 });
  }

  /** The first process of this place: it must serve, or the whole start has failed. */
  start(stopping: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      stopping.addEventListener('abort', () => reject(stopping.reason as Error), { once: true });
      const child = this.#spawn();
      child.once('close', () => {
        reject(new Error(`process ${this.#index + 1} did not start, so none runs`));
      });
      child.once('message', () => {
        this.#served = true;
        resolve();
      });
    });
  }

  /** Lets the process finish what it has accepted. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
  }

  #spawn(): ChildProcess {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1), ...this.#flags], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A group of its own: Ctrl-C in a terminal reaches the supervisor, which stops each process once.
      detached: true,
    });
    this.#child = child;
    child.on('error', (error) => this.#logger.error({ err: error }, 'process.not-started'));
    child.once('close', (code, signal) => {
      this.#child = undefined;
      if (this.#stopping || !this.#served) return;
      const ranMs = Math.round(performance.now() - startedAt);
      if (code === 0 || ranMs >= RAN_WELL_MS) this.#backoff.reset();
      const afterMs = code === 0 ? 0 : this.#backoff.next();
      this.#logger.warn({ pid: child.pid, code, signal, ranMs, afterMs }, 'process.ended');
      this.#timer = setTimeout(() => {
        this.#logger.info({ pid: this.#spawn().pid }, 'process.started-again');
      }, afterMs);
    });
    return child;
  }
}

/** Says to the supervisor, where there is one, that this process serves. */
export function tellSupervisor(): void {
  process.send?.(SERVES);
}

/** A process whose supervisor is gone stops as by SIGTERM: nobody would start it again, and its ports would stay taken. */
export function endWithSupervisor(): void {
  if (process.send !== undefined) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
