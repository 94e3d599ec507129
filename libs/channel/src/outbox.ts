const NOTHING = Buffer.alloc(0);

/** Frames that wait for the end of the turn. Most turns have one for a channel: it needs no list and no copy. */
export class Outbox {
  #first: Uint8Array | undefined;
  #more: Uint8Array[] | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(frame: Uint8Array): void {
    if (this.#first === undefined) this.#first = frame;
    else if (this.#more === undefined) this.#more = [this.#first, frame];
    else this.#more.push(frame);
    this.#bytes += frame.length;
  }

  /** All bytes, in order, as one piece; the outbox is empty then. */
  take(): Uint8Array {
    // One write of one copy costs less than a write of many pieces, up to hundreds of KiB.
    const bytes =
      this.#more === undefined ? (this.#first ?? NOTHING) : Buffer.concat(this.#more, this.#bytes);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#first = undefined;
    this.#more = undefined;
    this.#bytes = 0;
  }
}
