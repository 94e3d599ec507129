import { streamName } from '@cim/protocol';
import type { SendRequest } from './send-request.ts';

/**
 * Keeps sends of one producer to one stream in their order while one of them is checked, which takes a question to the
 * store: a send that overtakes another one would be answered `gap`.
 */
export class SendOrder {
  /** Key: stream, sender and producer. There while one of its sends is checked; removed by the last one's `end`. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Sends that are being checked: nearly always none, and then nothing has to wait. Set here alone. */
  checks = 0;

  /** Runs `act` now, or once the sends before it have ended their check. */
  pass(request: SendRequest, act: () => void): void {
    const waiting = this.#waiting.get(keyOf(request));
    if (waiting === undefined) act();
    else waiting.push(act);
  }

  /** A send is checked from now on: those behind it wait until its `end`. */
  begin(request: SendRequest): void {
    const key = keyOf(request);
    if (!this.#waiting.has(key)) this.#waiting.set(key, []);
    this.checks = this.#waiting.size;
  }

  /** The check has ended, and the send went on or was answered. */
  end(request: SendRequest): void {
    const key = keyOf(request);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    this.checks = this.#waiting.size;
    while (waiting.length > 0) {
      waiting.shift()?.();
      // It is being checked itself: the rest waits for it.
      const again = this.#waiting.get(key);
      if (again === undefined) continue;
      again.push(...waiting);
      return;
    }
  }
}

const keyOf = ({ to, actor, producer }: SendRequest): string =>
  `${streamName(to)} ${actor.userId} ${producer}`;
