/**
 * Many texts as one argument of a script: a MessagePack array of strings, which Lua in Redis opens with one call.
 * An argument for each costs the driver, and Redis, more than everything else about an append.
 */
const ARRAY_32 = 0xdd;
/** With the length in its low bits. */
const STRING_5 = 0xa0;
const STRING_8 = 0xd9;
const STRING_32 = 0xdb;
const HEAD_BYTES = 5;
/** UTF-8 of one unit of UTF-16. */
const UNIT_BYTES = 3;
/** Longer ones are left to the platform, whose call costs as much as writing about so many characters. */
const SHORT = 48;
/** Of a number below 2^53 in digits. */
const NUMBER_BYTES = 16;

export class PackedTexts {
  #bytes: Buffer;
  #at = HEAD_BYTES;
  #count = 0;

  /** @param likely how long it will be, in bytes; it grows beyond that */
  constructor(likely: number) {
    this.#bytes = Buffer.allocUnsafe(HEAD_BYTES + likely);
  }

  /** As UTF-8; Lua knows no difference between texts and bytes. */
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

  /** In digits. */
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

  /** All of it; nothing may be added afterwards. */
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
