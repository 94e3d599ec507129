/** Timers of a part whose tests have a clock of their own. */
export interface Timers {
  set(callback: () => void, ms: number): Timer;
  clear(timer: Timer | undefined): void;
}

/** One that was set; it is its owner's business alone. */
export type Timer = object;

export const realTimers: Timers = {
  set: (callback, ms) => setTimeout(callback, ms),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
