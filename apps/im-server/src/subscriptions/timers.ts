/** The timers of a part. Tests pass timers with their own clock. */
export interface Timers {
  set(callback: () => void, ms: number): Timer;
  clear(timer: Timer | undefined): void;
}

/** A timer that was set. Only its owner uses it. */
export type Timer = object;

export const realTimers: Timers = {
  set: (callback, ms) => setTimeout(callback, ms),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
