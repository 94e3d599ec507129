import type { Timer, Timers } from '../src/subscriptions/timers.ts';

/** Timers that fire when the test calls `pass`. */
export class FakeTimers implements Timers {
  #now = 0;
  readonly #timers = new Set<{ readonly due: number; readonly callback: () => void }>();

  set(callback: () => void, ms: number): Timer {
    const timer = { due: this.#now + ms, callback };
    this.#timers.add(timer);
    return timer;
  }

  clear(timer: Timer | undefined): void {
    this.#timers.delete(timer as never);
  }

  /** Moves the time on and fires timers that become due, the earliest first. */
  pass(ms: number): void {
    this.#now += ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ due }) => due <= this.#now).sort((a, b) => a.due - b.due);
      if (next === undefined) return;
      this.#timers.delete(next);
      next.callback();
    }
  }
}
