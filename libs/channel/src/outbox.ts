const NOTHING = Buffer.alloc(0);

/**
 * Joins several frames into one piece. The frames of a burst to a group are the same for thousands of
 * channels, which flush one after the other. So the newest piece is remembered and used again for the same
 * frames.
 */
export class Joiner {
  #frames: readonly Uint8Array[] = [];
  #joined: Uint8Array = NOTHING;

  join(frames: readonly Uint8Array[], bytes: number): Uint8Array {
    if (!this.#isLast(frames)) {
      // One write of one copy costs less than one write of many pieces, up to hundreds of KiB.
      this.#joined = Buffer.concat(frames, bytes);
      this.#frames = frames;
    }
    return this.#joined;
  }

  /** Forgets the newest piece. Called at the end of a turn of the event loop. */
  forget(): void {
    this.#frames = [];
    this.#joined = NOTHING;
  }

  #isLast(frames: readonly Uint8Array[]): boolean {
    const last = this.#frames;
    if (frames.length !== last.length) return false;
    for (let i = 0; i < frames.length; i++) if (frames[i] !== last[i]) return false;
    return true;
  }
}

/**
 * The frames of a channel that wait for the end of the turn. Most channels have one frame in a turn, which
 * needs no list and no copy.
 */
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

  /** Removes all bytes and answers them in order, as one piece. */
  take(joiner: Joiner): Uint8Array {
    const bytes = this.#more === undefined ? (this.#first ?? NOTHING) : joiner.join(this.#more, this.#bytes);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#first = undefined;
    this.#more = undefined;
    this.#bytes = 0;
  }
}
