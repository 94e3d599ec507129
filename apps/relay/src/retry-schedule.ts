/** The schedule by which an event is sent again after a failure. */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Delay after the first failed try, the second one and so on [ms]: about 28 hours in all. Then the event is a
 * dead letter.
 */
const AFTER_MS: readonly number[] = [
  ...[1 * SECOND, 5 * SECOND, 15 * SECOND, 60 * SECOND],
  ...[5 * MINUTE, 15 * MINUTE, 30 * MINUTE],
  ...[1 * HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR],
];
/** The longest delay that a receiver may ask for. */
export const MOST_ASKED_MS = 12 * HOUR;
/**
 * Share by which a delay is changed at random, so that events that failed together are not sent again
 * together.
 */
const SPREAD = 0.2;

/**
 * Answers the delay before the next try [ms]; undefined when there is none.
 * @param failed number of failed tries
 * @param askedMs the delay that the receiver asked for by `Retry-After`
 */
export type RetryAfter = (failed: number, askedMs: number | undefined) => number | undefined;

export const retrySchedule =
  (random: () => number = Math.random): RetryAfter =>
  (failed, askedMs) => {
    const usual = AFTER_MS[failed - 1];
    if (usual === undefined) return undefined;
    const spread = usual * (1 - SPREAD + 2 * SPREAD * random());
    return Math.round(Math.max(spread, Math.min(askedMs ?? 0, MOST_ASKED_MS)));
  };
