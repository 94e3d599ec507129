/**
 * Length-delimited frames: a base-128 varint, then that many bytes. Pure: no socket, no timer.
 * The limit is checked on the header, so a body that is too long is never buffered.
 */
import type protobuf from 'protobufjs/minimal.js';

/** Frame limits in bytes, body only. */
export const FRAME_LIMITS = {
  fromClientBeforeLogin: 4 * 1024,
  fromClient: 64 * 1024,
  toClient: 1024 * 1024,
  betweenServers: 1024 * 1024,
} as const;

export class FrameError extends Error {
  readonly reason: 'bad-frame' | 'frame-too-large';
  constructor(reason: 'bad-frame' | 'frame-too-large', message: string) {
    super(message);
    this.name = 'FrameError';
    this.reason = reason;
  }
}

const MAX_HEADER_BYTES = 5;

/**
 * Cuts a byte stream into frame bodies, whatever the split of the chunks.
 *
 * A body that lies whole in a chunk is a view of that chunk; keep a copy if it must outlive the call.
 */
export class FrameDecoder {
  /** Longest body allowed from now on, in bytes. */
  limit: number;
  #header = 0;
  #headerBytes = 0;
  /** Body under way: allocated once its length is known, filled as chunks come. */
  #body: Uint8Array | undefined;
  #filled = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether a frame has begun and not ended. */
  get midFrame(): boolean {
    return this.#headerBytes > 0 || this.#body !== undefined;
  }

  /**
   * Hands each complete body to `onFrame`, which may change `limit` for the frames after it, and answers false to
   * stop (the rest of the chunk is dropped: the channel is closing).
   * @throws {FrameError} the stream is not of this protocol, or a frame is over the limit; the decoder is then dead.
   */
  push(chunk: Uint8Array, onFrame: (body: Uint8Array) => boolean): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== undefined) {
        const part = Math.min(this.#body.length - this.#filled, chunk.length - at);
        this.#body.set(part === chunk.length ? chunk : chunk.subarray(at, at + part), this.#filled);
        this.#filled += part;
        at += part;
        if (this.#filled < this.#body.length) return;
        const body = this.#body;
        this.#body = undefined;
        if (!onFrame(body)) return;
        continue;
      }
      const byte = chunk[at++] as number;
      // Multiplication, not shifts: the fifth byte reaches beyond 31 bits.
      this.#header += (byte & 0x7f) * 2 ** (7 * this.#headerBytes);
      this.#headerBytes++;
      if (byte >= 0x80) {
        if (this.#headerBytes >= MAX_HEADER_BYTES)
          throw new FrameError('bad-frame', 'the length of a frame is not a varint of at most 5 bytes');
        continue;
      }
      const length = this.#header;
      this.#header = 0;
      this.#headerBytes = 0;
      if (length > this.limit)
        throw new FrameError('frame-too-large', `a frame of ${length} bytes, ${this.limit} are allowed`);
      if (at + length <= chunk.length) {
        const end = at + length;
        if (!onFrame(chunk.subarray(at, end))) return;
        at = end;
      } else {
        // Grows no further than what the header promised and the limit allows.
        this.#body = new Uint8Array(length);
        this.#filled = 0;
      }
    }
  }
}

interface Encoder<M> {
  encode(message: M, writer?: protobuf.Writer): protobuf.Writer;
}

/** One frame, header included. */
export function encodeFrame<M>(type: Encoder<M>, message: M): Uint8Array {
  return type.encode(message).ldelim().finish();
}
