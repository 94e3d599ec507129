/**
 * How busy this process was lately. An operator asks for it (`cim admin servers`); metrics have the longer
 * history.
 */

/** Answers cover the last 10 to 20 s. */
const WINDOW_MS = 10_000;

export interface Load {
  /** CPU time per time: 1 is one core. All threads of the process count. */
  readonly cpu: number;
  /** Greatest delay of the event loop [ms]. */
  readonly loopDelayMs: number;
  readonly rssBytes: number;
}

export class RecentLoad {
  readonly #now: () => number;
  readonly #cpu: () => number;
  #before: { readonly since: number; readonly cpu: number; worstMs: number };
  #window: { readonly since: number; readonly cpu: number; worstMs: number };

  /** @param now the time of a monotonic clock [ms] @param cpu CPU time of the process [ms] */
  constructor(now: () => number = () => performance.now(), cpu: () => number = cpuOfProcess) {
    this.#now = now;
    this.#cpu = cpu;
    this.#window = this.#before = { since: now(), cpu: cpu(), worstMs: 0 };
  }

  /** Notes how late the event loop came. The watch of the loop calls it every 20 ms. */
  delayed(lateMs: number): void {
    const now = this.#now();
    if (now - this.#window.since >= WINDOW_MS) {
      this.#before = this.#window;
      this.#window = { since: now, cpu: this.#cpu(), worstMs: 0 };
    }
    if (lateMs > this.#window.worstMs) this.#window.worstMs = lateMs;
  }

  get load(): Load {
    const passedMs = this.#now() - this.#before.since;
    return {
      cpu: passedMs > 0 ? (this.#cpu() - this.#before.cpu) / passedMs : 0,
      loopDelayMs: Math.max(this.#before.worstMs, this.#window.worstMs),
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

function cpuOfProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
