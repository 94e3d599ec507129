import { CODES } from '@cim/protocol';
import type { Outgoing, Recipient, SendOutcome } from './events.ts';
import { refused, type Sending } from './sending.ts';

const CAPACITY = 10_000;

/** Sends of a time when it is not known yet as which user. They wait for a `connect` that is under way. */
export class EarlySends {
  /** In the order of calls; emptied by `end`. */
  #waiting: ((sending: Sending | undefined, why: string) => void)[] = [];

  add(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    if (this.#waiting.length >= CAPACITY)
      return refused(0, CODES.limited.code, `${CAPACITY} messages wait for connect(); wait for it`);
    return new Promise((resolve) => {
      this.#waiting.push((sending, why) => {
        if (sending === undefined)
          resolve({ outcome: 'refused', ref: 0, code: CODES.failure.code, text: why });
        else void sending.send(to, what).then(resolve);
      });
    });
  }

  /** @param sending undefined: none of them will be sent, and `why` says why not */
  end(sending: Sending | undefined, why = ''): void {
    for (const end of this.#waiting.splice(0)) end(sending, why);
  }
}
