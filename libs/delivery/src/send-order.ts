import { streamName, type UserId } from '@cim/protocol';
import type { SendRequest } from './send-request.ts';

/**
 * Keeps the sends of one producer to one stream in order while one of them is being checked, which takes a
 * question to the store. A send that overtook another one would be answered `gap`.
 */
export class SendOrder {
  /**
   * Key: user. Then key: stream and producer, while one of the user's sends is being checked. Both are removed by the
   * `end` of the last one.
   */
  readonly #waiting = new Map<UserId, Map<string, (() => void)[]>>();

  /**
   * Whether the send must wait for an earlier one. It costs a send of any other user next to nothing.
   */
  mustWait(request: SendRequest): boolean {
    return this.#waiting.get(request.actor.userId)?.has(keyOf(request)) === true;
  }

  /** Runs `act` now, or after the checks of earlier sends have ended. */
  pass(request: SendRequest, act: () => void): void {
    const waiting = this.#waiting.get(request.actor.userId)?.get(keyOf(request));
    if (waiting === undefined) act();
    else waiting.push(act);
  }

  /** Begins the check of a send. Sends behind it wait until its `end`. */
  begin(request: SendRequest): void {
    const { userId } = request.actor;
    const ofUser = this.#waiting.get(userId) ?? new Map<string, (() => void)[]>();
    this.#waiting.set(userId, ofUser);
    const key = keyOf(request);
    if (!ofUser.has(key)) ofUser.set(key, []);
  }

  /** Ends the check: the send went on or was answered. */
  end(request: SendRequest): void {
    const { userId } = request.actor;
    const key = keyOf(request);
    const ofUser = this.#waiting.get(userId);
    const waiting = ofUser?.get(key) ?? [];
    ofUser?.delete(key);
    if (ofUser?.size === 0) this.#waiting.delete(userId);
    while (waiting.length > 0) {
      waiting.shift()?.();
      // This send is now being checked itself, so the rest waits for it.
      const again = this.#waiting.get(userId)?.get(key);
      if (again === undefined) continue;
      again.push(...waiting);
      return;
    }
  }
}

const keyOf = ({ to, producer }: SendRequest): string => `${streamName(to)} ${producer}`;
