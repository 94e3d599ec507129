import { CODES } from '@cim/protocol';
import type { Outgoing, Recipient, SendOutcome } from './events.ts';
import { refused, type Sending } from './sending.ts';

const CAPACITY = 10_000;

/** Sends made before the user is known. They wait for a `connect` under way. */
export class EarlySends {
  /** Sends in the order of calls. Emptied by `end`. */
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

  /** Ends the wait. @param sending undefined: none of them will be sent, and `why` says the reason */
  end(sending: Sending | undefined, why = ''): void {
    for (const end of this.#waiting.splice(0)) end(sending, why);
  }
}
