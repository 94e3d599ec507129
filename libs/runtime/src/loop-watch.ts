/**
 * Watches how long this process holds its own event loop. A late timer alone proves nothing: on a busy machine, or
 * after a SIGSTOP, the kernel did not run the process. So a delay counts only as far as the main thread used its CPU
 * meanwhile: `held` is the lesser of the two.
 */
import { openSync, readSync } from 'node:fs';
import { gauge } from './gauges.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Observer } from './observer.ts';
import type { RecentLoad } from './recent-load.ts';

const EVERY_MS = 20;
/** Longest time that work may hold the event loop [ms]. */
export const HELD_MS = 50;
/** Name of the warning. `heldMs` is CPU time, `lateMs` the whole delay. */
export const LOOP_HELD = 'loop.held';

export interface LoopWatchParts {
  /** Called for each time that the event loop was held for more than `HELD_MS`. */
  readonly onHeld?: (heldMs: number, lateMs: number) => void;
  /** Called at each tick, with how late the tick came. */
  readonly onDelay?: (lateMs: number) => void;
  /** The time of a monotonic clock [ms]. */
  readonly now?: () => number;
  /** CPU time of the thread that runs the event loop [ms]. */
  readonly cpu?: () => number;
}

export class LoopWatch {
  readonly #onHeld: (heldMs: number, lateMs: number) => void;
  readonly #onDelay: (lateMs: number) => void;
  readonly #now: () => number;
  readonly #cpu: () => number;
  #timer: NodeJS.Timeout | undefined;
  #last = { now: 0, cpu: 0 };
  #worstMs = 0;

  constructor({ onHeld, onDelay, now, cpu }: LoopWatchParts = {}) {
    this.#onHeld = onHeld ?? (() => undefined);
    this.#onDelay = onDelay ?? (() => undefined);
    this.#now = now ?? (() => performance.now());
    this.#cpu = cpu ?? mainThreadCpu();
  }

  /** Longest time that the event loop was held since `start` [ms of CPU time]. */
  get worstMs(): number {
    return this.#worstMs;
  }

  /** Starts the watch. Its timer does not keep the process alive. */
  start(): void {
    this.#last = { now: this.#now(), cpu: this.#cpu() };
    this.#timer = setInterval(() => this.tick(), EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Runs every 20 ms; tests call it themselves. */
  tick(): void {
    const { now, cpu } = this.#last;
    this.#last = { now: this.#now(), cpu: this.#cpu() };
    const lateMs = this.#last.now - now - EVERY_MS;
    this.#onDelay(Math.max(0, lateMs));
    const heldMs = Math.min(lateMs, this.#last.cpu - cpu);
    this.#worstMs = Math.max(this.#worstMs, heldMs);
    if (heldMs > HELD_MS) this.#onHeld(Math.round(heldMs), Math.round(lateMs));
  }
}

/**
 * Starts the watch of a server. It warns each time that the event loop was held, and feeds every delay to the
 * metrics and to `recentLoad`.
 */
export function watchLoop(
  logger: Logger,
  metrics: Metrics,
  observer: Pick<Observer, 'loopDelayed'>,
  load: RecentLoad,
): void {
  const watch = new LoopWatch({
    onHeld: (heldMs, lateMs) => logger.warn({ heldMs, lateMs }, LOOP_HELD),
    onDelay: (lateMs) => {
      observer.loopDelayed(lateMs / 1_000);
      load.delayed(lateMs);
    },
  });
  watch.start();
  gauge(
    metrics,
    'cim_event_loop_held_seconds_max',
    'Longest time that work of this process held its event loop, since the start; CPU time',
    () => watch.worstMs / 1_000,
  );
}

/**
 * Linux tells the CPU time of each thread. Elsewhere the function answers the CPU time of the whole process,
 * which is more.
 */
function mainThreadCpu(): () => number {
  const ofProcess = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  };
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    const bytes = Buffer.alloc(64);
    // The first number in the file [ns].
    const ofThread = (): number =>
      parseInt(bytes.toString('latin1', 0, readSync(file, bytes, 0, 64, 0)), 10) / 1e6;
    return Number.isFinite(ofThread()) ? ofThread : ofProcess;
  } catch {
    return ofProcess;
  }
}
