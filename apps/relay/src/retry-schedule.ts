/** When an event that a receiver has not taken is told again. */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After the first failed try, the second one and so on [ms]: a day and a half in all, then the event is a dead letter. */
const AFTER_MS: readonly number[] = [
  ...[1 * SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND],
  ...[5 * MINUTE, 15 * MINUTE, 30 * MINUTE],
  ...[1 * HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR],
];
/** A receiver may ask for more time, but not for ever. */
export const MOST_ASKED_MS = 12 * HOUR;
/** So that events that failed together are not told again together. */
const SPREAD = 0.2;

/** Delay before the next try [ms]; undefined: there is none. @param failed how often it has failed @param askedMs `Retry-After` */
export type RetryAfter = (failed: number, askedMs: number | undefined) => number | undefined;

export const retrySchedule =
  (random: () => number = Math.random): RetryAfter =>
  (failed, askedMs) => {
    const usual = AFTER_MS[failed - 1];
    if (usual === undefined) return undefined;
    const spread = usual * (1 - SPREAD + 2 * SPREAD * random());
    return Math.round(Math.max(spread, Math.min(askedMs ?? 0, MOST_ASKED_MS)));
  };
