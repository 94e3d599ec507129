/**
 * Packs many texts into one argument of a script: a MessagePack array of strings, which Lua in Redis unpacks
 * with one call. One argument per text costs the driver and Redis more than all the rest of an append.
 */
const ARRAY_32 = 0xdd;
/** Marks a short string, with its length in the low bits. */
const STRING_5 = 0xa0;
const STRING_8 = 0xd9;
const STRING_32 = 0xdb;
const HEAD_BYTES = 5;
/** Most bytes of one UTF-16 unit in UTF-8. */
const UNIT_BYTES = 3;
/**
 * Longest text that is written here. For a longer one the platform's call costs no more than this many
 * characters.
 */
const SHORT = 48;
/** Digits of the longest number below 2^53. */
const NUMBER_BYTES = 16;

export class PackedTexts {
  #bytes: Buffer;
  #at = HEAD_BYTES;
  #count = 0;

  /** @param likely expected bytes; the buffer grows beyond that */
  constructor(likely: number) {
    this.#bytes = Buffer.allocUnsafe(HEAD_BYTES + likely);
  }

  /** Adds a text as UTF-8. Lua does not distinguish texts from bytes. */
  text(text: string): void {
    const { length } = text;
    this.#begin(length * UNIT_BYTES);
    if (length > SHORT) return this.#writeLong(text);
    const begin = this.#at;
    this.#writeHead(length);
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        this.#at = begin;
        return this.#writeLong(text);
      }
      this.#bytes[this.#at++] = unit;
    }
  }

  bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#begin(length);
    this.#writeHead(length);
    this.#bytes.set(bytes, this.#at);
    this.#at += length;
  }

  /** Adds a number in digits. */
  number(value: number): void {
    this.#begin(NUMBER_BYTES);
    let digits = 1;
    for (let least = 10; value >= least; least *= 10) digits++;
    this.#writeHead(digits);
    let rest = value;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[at] = 0x30 + (rest - tenth * 10);
      rest = tenth;
    }
    this.#at += digits;
  }

  /** All packed bytes. Nothing may be added afterwards. */
  packed(): Buffer {
    this.#bytes[0] = ARRAY_32;
    this.#bytes.writeUInt32BE(this.#count, 1);
    return this.#bytes.subarray(0, this.#at);
  }

  #begin(most: number): void {
    this.#count++;
    const needed = this.#at + HEAD_BYTES + most;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(2 * needed);
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }

  #writeLong(text: string): void {
    const length = this.#bytes.write(text, this.#at + HEAD_BYTES);
    this.#bytes[this.#at] = STRING_32;
    this.#at = this.#bytes.writeUInt32BE(length, this.#at + 1) + length;
  }

  #writeHead(length: number): void {
    if (length < 32) {
      this.#bytes[this.#at++] = STRING_5 | length;
    } else if (length < 256) {
      this.#bytes[this.#at++] = STRING_8;
      this.#bytes[this.#at++] = length;
    } else {
      this.#bytes[this.#at++] = STRING_32;
      this.#at = this.#bytes.writeUInt32BE(length, this.#at);
    }
  }
}
