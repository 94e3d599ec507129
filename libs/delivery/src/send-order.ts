import { streamName } from '@cim/protocol';
import type { SendRequest } from './send-request.ts';

/**
 * Keeps the sends of one producer to one stream in order while one of them is being checked, which takes a
 * question to the store. A send that overtook another one would be answered `gap`.
 */
export class SendOrder {
  /**
   * Key: stream, sender and producer, while one of its sends is being checked. Removed by the `end` of the
   * last one.
   */
  readonly #waiting = new Map<string, (() => void)[]>();
  /**
   * Number of sends that are being checked. It is nearly always 0, and then no send has to wait. Only this
   * class sets it.
   */
  checks = 0;

  /** Runs `act` now, or after the checks of earlier sends have ended. */
  pass(request: SendRequest, act: () => void): void {
    const waiting = this.#waiting.get(keyOf(request));
    if (waiting === undefined) act();
    else waiting.push(act);
  }

  /** Begins the check of a send. Sends behind it wait until its `end`. */
  begin(request: SendRequest): void {
    const key = keyOf(request);
    if (!this.#waiting.has(key)) this.#waiting.set(key, []);
    this.checks = this.#waiting.size;
  }

  /** Ends the check: the send went on or was answered. */
  end(request: SendRequest): void {
    const key = keyOf(request);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    this.checks = this.#waiting.size;
    while (waiting.length > 0) {
      waiting.shift()?.();
      // This send is now being checked itself, so the rest waits for it.
      const again = this.#waiting.get(key);
      if (again === undefined) continue;
      again.push(...waiting);
      return;
    }
  }
}

const keyOf = ({ to, actor, producer }: SendRequest): string =>
  `${streamName(to)} ${actor.userId} ${producer}`;
