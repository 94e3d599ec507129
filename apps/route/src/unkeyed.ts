import { randomFillSync } from 'node:crypto';
import type { ProducerId } from '@cim/protocol';

const BYTES = 24;
const AT_ONCE = 256;

/** Names for sends that came without an `Idempotency-Key`: random, many drawn at once, since each draw is a call to the system. */
export class UnkeyedNames {
  readonly #drawn = Buffer.alloc(BYTES * AT_ONCE);
  #used = AT_ONCE;

  next(): ProducerId {
    if (this.#used === AT_ONCE) {
      randomFillSync(this.#drawn);
      this.#used = 0;
    }
    const from = BYTES * this.#used++;
    return this.#drawn.toString('base64url', from, from + BYTES) as ProducerId;
  }
}
