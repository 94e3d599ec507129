/**
 * Reads messages by hand where the generated decoders cost too much (docs/architecture.md, "Bytes by hand").
 */
import { isUtf8 } from './utf8.ts';
import { NUMBER_BYTES } from './wire-writer.ts';

/** Number of slots for known texts: a power of two. */
const KNOWN_TEXTS = 4_096;
/** Longest text that is remembered [bytes]. */
const KNOWN_BYTES = 64;
/**
 * Longest text that is checked byte by byte [bytes]. For a longer one a call of the platform's decoder is
 * cheaper.
 */
const SHORT = 128;
const NOTHING = Buffer.alloc(0);
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Short ASCII texts seen before, in slots by hash. A newer text replaces the older one in its slot. */
const KNOWN: string[] = new Array<string>(KNOWN_TEXTS).fill('');

/**
 * Reads the fields of a message as our encoders write them. Any other form makes the reader set `unfamiliar`: the
 * generated decoder then reads the message from the start, and accepts or refuses it. One reader serves many
 * messages, one after the other.
 */
export class WireReader {
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;
  /** True when the message is not as our encoders write it. Only the reader sets it. */
  unfamiliar = false;

  open(bytes: Uint8Array, from = 0): void {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = from;
    this.#end = bytes.length;
    this.unfamiliar = false;
  }

  /** Fails unless exactly `bytes` bytes are left. */
  wants(bytes: number): void {
    if (bytes !== this.#end - this.#at) this.giveUp();
  }

  /** The tag of the next field, in one byte; 0 when there is none. */
  tag(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.#bytes[this.#at++] as number;
    if (tag === 0) this.giveUp();
    return tag;
  }

  /** Marks the message as unfamiliar; the reader finds no further field. */
  giveUp(): void {
    this.unfamiliar = true;
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

  /** Reads the bytes of a field. The result is a view. */
  bytes(): Uint8Array {
    const from = this.#take();
    return this.#bytes.subarray(from, this.#at);
  }

  /** Reads a text that is likely to have come before, such as the name of a producer. */
  knownText(): string {
    const from = this.#take();
    return knownText(this.#bytes, from, this.#at) ?? this.#text(from);
  }

  text(): string {
    return this.#text(this.#take());
  }

  /** Skips a text and answers its length in bytes. */
  skipText(): number {
    const from = this.#take();
    const isText = this.#isShortAscii(from) || isUtf8(this.#bytes, from, this.#at);
    if (!isText) this.giveUp();
    return this.#at - from;
  }

  #text(from: number): string {
    return this.#isShortAscii(from) ? this.#bytes.toString('latin1', from, this.#at) : this.#utf8(from);
  }

  /** Whether the text from `from` is short and ASCII only. */
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

  /** Reads a length and moves behind the bytes it counts. Answers where these begin. */
  #take(): number {
    const length = this.number();
    const from = this.#at;
    if (length <= this.#end - from) this.#at += length;
    else this.giveUp();
    return this.unfamiliar ? this.#at : from;
  }
}

/**
 * The known string with these bytes, or a new one. Undefined when the text is too long or not ASCII. Each
 * message names its producer; a new string for each would be most of the garbage of a busy server.
 */
function knownText(bytes: Buffer, from: number, to: number): string | undefined {
  const length = to - from;
  if (length > KNOWN_BYTES) return undefined;
  let hash = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte > 0x7f) return undefined;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 12)) & (KNOWN_TEXTS - 1);
  const known = KNOWN[slot] as string;
  let same = known.length === length;
  for (let i = 0; same && i < length; i++) same = known.charCodeAt(i) === bytes[from + i];
  return same ? known : (KNOWN[slot] = bytes.toString('latin1', from, to));
}
