/** Messages read by hand where the generated decoders are too dear (docs/architecture.md). */
import { isUtf8 } from 'node:buffer';
import { KnownTexts } from './known-texts.ts';
import { NUMBER_BYTES } from './wire-bytes.ts';

/** Longer texts are left to the platform, whose call costs as much as looking at so many bytes. */
const SHORT = 128;
const NOTHING = Buffer.alloc(0);
const KNOWN = new KnownTexts();
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the fields of a message as our encoders write them. Whatever else a message may be makes it `odd`: then the
 * generated decoder reads it from the start, and accepts or refuses it. One reader serves many messages, one at a time.
 */
export class WireReader {
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;
  #odd = false;

  open(bytes: Uint8Array, from = 0): void {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = from;
    this.#end = bytes.length;
    this.#odd = false;
  }

  /** A length that says how much is left. */
  wants(bytes: number): void {
    if (bytes !== this.#end - this.#at) this.giveUp();
  }

  get odd(): boolean {
    return this.#odd;
  }

  /** The tag of the next field, in one byte; 0 when there is none. */
  tag(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.#bytes[this.#at++] as number;
    if (tag === 0) this.giveUp();
    return tag;
  }

  /** Not as expected: there is no next field. */
  giveUp(): void {
    this.#odd = true;
    this.#at = this.#end;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < NUMBER_BYTES && this.#at < this.#end; i++) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value <= Number.MAX_SAFE_INTEGER) return value;
        break;
      }
      scale *= 0x80;
    }
    this.giveUp();
    return 0;
  }

  /** A view. */
  bytes(): Uint8Array {
    const from = this.#take();
    return this.#bytes.subarray(from, this.#at);
  }

  /** One that is likely to have come before. */
  knownText(): string {
    const from = this.#take();
    return KNOWN.read(this.#bytes, from, this.#at) ?? this.#text(from);
  }

  text(): string {
    return this.#text(this.#take());
  }

  /** Passes a text; answers its length in bytes. */
  skipText(): number {
    const from = this.#take();
    const isText = this.#isShortAscii(from) || isUtf8(this.#bytes.subarray(from, this.#at));
    if (!isText) this.giveUp();
    return this.#at - from;
  }

  #text(from: number): string {
    return this.#isShortAscii(from) ? this.#bytes.toString('latin1', from, this.#at) : this.#utf8(from);
  }

  /** False: it is longer, or none. */
  #isShortAscii(from: number): boolean {
    if (this.#at - from > SHORT) return false;
    for (let i = from; i < this.#at; i++) if ((this.#bytes[i] as number) > 0x7f) return false;
    return true;
  }

  #utf8(from: number): string {
    try {
      return UTF8.decode(this.#bytes.subarray(from, this.#at));
    } catch {
      this.giveUp();
      return '';
    }
  }

  /** Moves behind what has its length before it; answers where that begins. */
  #take(): number {
    const length = this.number();
    const from = this.#at;
    if (length <= this.#end - from) this.#at += length;
    else this.giveUp();
    return this.#odd ? this.#at : from;
  }
}
