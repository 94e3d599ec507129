import type { UserId } from '@cim/protocol';
import { type LimitName, LIMITS, type LimitValues, TokenBucket } from '@cim/runtime';

/**
 * Recipients whose budgets a session remembers. Above that it forgets all of them; its own budget still
 * bounds it.
 */
const RECIPIENTS = 256;
/**
 * A session is closed after this many consecutive sends that were answered `limited`: its client does not
 * wait as asked.
 */
export const LIMITED_SENDS = 5_000;

/** The limits for the sends of one session. Created with its first send. */
export class SendLimits {
  readonly #values: LimitValues;
  readonly #sends: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #groupSends: TokenBucket;
  /** Key: recipient. Cleared as a whole at `RECIPIENTS`. */
  readonly #toUsers = new Map<UserId, TokenBucket>();
  #limit: LimitName = 'send';
  /** Number of consecutive limited sends. */
  limited = 0;

  constructor(values: LimitValues) {
    this.#values = values;
    this.#sends = new TokenBucket(values.send);
    this.#bytes = new TokenBucket(values.bytes);
    this.#groupSends = new TokenBucket(values.groupSend);
  }

  /**
   * Takes a send from the budgets. Answers 0 when it may pass. Otherwise it answers the wait in ms, and
   * `text` names the limit.
   * @param to undefined: a group
   * @param now ms, monotonic
   */
  take(to: UserId | undefined, bytes: number, now: number): number {
    const afterMs =
      this.#of('send', this.#sends.take(1, now)) ||
      this.#of('bytes', this.#bytes.take(bytes, now)) ||
      (to === undefined
        ? this.#of('groupSend', this.#groupSends.take(1, now))
        : this.#of('sendTo', this.#bucketOf(to).take(1, now)));
    this.limited = afterMs === 0 ? 0 : this.limited + 1;
    return afterMs;
  }

  text(afterMs: number): string {
    return `too many ${LIMITS[this.#limit].what} (limit ${this.#limit}); send it again in ${afterMs} ms`;
  }

  #of(limit: LimitName, afterMs: number): number {
    if (afterMs > 0) this.#limit = limit;
    return afterMs;
  }

  #bucketOf(to: UserId): TokenBucket {
    const known = this.#toUsers.get(to);
    if (known !== undefined) return known;
    if (this.#toUsers.size >= RECIPIENTS) this.#toUsers.clear();
    const bucket = new TokenBucket(this.#values.sendTo);
    this.#toUsers.set(to, bucket);
    return bucket;
  }
}
