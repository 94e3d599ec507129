/** Cancels what was to be called later. Idempotent. */
export type Cancel = () => void;

/** The clocks of a client, and its timers: a port, so that tests and unusual hosts can have their own. */
export interface Timers {
  /** Calls once, after so many ms. */
  after(ms: number, callback: () => void): Cancel;
  /** Monotonic [ms]. */
  now(): number;
  /** Since 1970 [ms]. */
  time(): number;
}

/** Those of the host. */
export const hostTimers: Timers = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  now: () => performance.now(),
  time: () => Date.now(),
};
