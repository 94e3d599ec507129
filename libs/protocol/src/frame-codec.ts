/**
 * Length-delimited frames: a base-128 varint, then that many bytes. Pure: no socket, no timer. The limit is
 * checked on the header, so a body that is too long is never buffered.
 */
import type protobuf from 'protobufjs/minimal.js';

/** Longest body of a frame by sender and state [bytes]. */
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

/**
 * The weight of each header byte. The decoder multiplies by it and does not shift: the fifth byte reaches
 * beyond 31 bits.
 */
const BYTE_SCALES = [1, 2 ** 7, 2 ** 14, 2 ** 21, 2 ** 28] as const;
/** First buffer for a body that is split over chunks [bytes]. The buffer doubles as bytes arrive. */
const FIRST_BODY_BYTES = 256;
/** Value of `#length` between two frames: the next byte belongs to a header. */
const NO_BODY = -1;

/**
 * Cuts a byte stream into frame bodies, whatever the split of the chunks. It holds at most about twice what has come
 * of the frame under way: a peer that announces much and sends little costs little.
 */
export class FrameDecoder {
  /** Longest body allowed from now on, in bytes; a body under way keeps the limit that its header met. */
  limit: number;
  #header = 0;
  #headerBytes = 0;
  /** Length of the body under way, or NO_BODY. */
  #length = NO_BODY;
  #filled = 0;
  /** The first `#filled` bytes of the body under way; grows up to `#length`. */
  #body: Uint8Array | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Whether a frame has begun and not ended. */
  get midFrame(): boolean {
    return this.#headerBytes > 0 || this.#length !== NO_BODY;
  }

  /**
   * Hands each complete body to `onFrame`. `onFrame` may change `limit` for the frames after it, and answers
   * false to stop. A body that lies whole in one chunk is a view of that chunk: copy it to keep it, or the
   * view keeps the whole chunk in memory.
   * @param self the value of `this` in `onFrame`, so that one function serves many decoders
   * @returns how many bytes were read: all, unless `onFrame` stopped
   * @throws {FrameError} when the bytes are not a frame of this protocol, or a frame is over the limit. The
   * decoder cannot be used after that, nor after `onFrame` threw.
   */
  push<T = undefined>(chunk: Uint8Array, onFrame: (this: T, body: Uint8Array) => boolean, self?: T): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#length === NO_BODY) {
        at = this.#readHeader(chunk, at);
        if ((this.#length as number) === NO_BODY) break;
      }
      const end = at + this.#length - this.#filled;
      let body: Uint8Array;
      if (this.#filled === 0 && end <= chunk.length) {
        body = chunk.subarray(at, end);
      } else {
        if (at === chunk.length) break; // the chunk ends after a header
        const collected = this.#collect(chunk, at, Math.min(end, chunk.length));
        if (end > chunk.length) break;
        body = collected;
        this.#body = undefined;
        this.#filled = 0;
      }
      at = end;
      this.#length = NO_BODY;
      if (!onFrame.call(self as T, body)) return at;
    }
    return chunk.length;
  }

  /** Reads header bytes and answers where they end. Sets `#length` when the header is complete. */
  #readHeader(chunk: Uint8Array, from: number): number {
    let header = this.#header;
    let bytes = this.#headerBytes;
    for (let at = from; at < chunk.length; ) {
      const byte = chunk[at++] as number;
      header += (byte & 0x7f) * (BYTE_SCALES[bytes++] as number);
      if (byte < 0x80) {
        if (header > this.limit)
          throw new FrameError('frame-too-large', `a frame of ${header} bytes, ${this.limit} are allowed`);
        this.#length = header;
        this.#header = 0;
        this.#headerBytes = 0;
        return at;
      }
      if (bytes === BYTE_SCALES.length)
        throw new FrameError('bad-frame', 'the length of a frame is not a varint of at most 5 bytes');
    }
    this.#header = header;
    this.#headerBytes = bytes;
    return chunk.length;
  }

  /** Copies bytes of the body under way. Answers its full length when the body is complete. */
  #collect(chunk: Uint8Array, from: number, to: number): Uint8Array {
    const need = this.#filled + to - from;
    let body = this.#body;
    if (body === undefined || body.length < need) {
      const size = Math.min(this.#length, Math.max(need, FIRST_BODY_BYTES, 2 * (body?.length ?? 0)));
      const grown = new Uint8Array(size);
      if (body !== undefined) grown.set(body.subarray(0, this.#filled));
      this.#body = body = grown;
    }
    body.set(chunk.subarray(from, to), this.#filled);
    this.#filled = need;
    return body;
  }
}

interface Encoder<M> {
  encode(message: M, writer?: protobuf.Writer): protobuf.Writer;
}

/** Encodes one frame, header included. */
export function encodeFrame<M>(type: Encoder<M>, message: M): Uint8Array {
  return type.encode(message).ldelim().finish();
}
