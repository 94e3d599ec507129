/** Cancels a timer. Idempotent. */
export type Cancel = () => void;

/** A port: the clocks and timers of a client. Tests and unusual hosts can provide their own. */
export interface Timers {
  /** Calls `callback` once, after this many ms. */
  after(ms: number, callback: () => void): Cancel;
  /** Monotonic time [ms]. */
  now(): number;
  /** The time [ms since 1970]. */
  time(): number;
}

/** The clocks and timers of the host. */
export const hostTimers: Timers = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
  time: () => Date.now(),
};
