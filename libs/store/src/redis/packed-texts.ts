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

/** Texts go as UTF-8, bytes as they are; Lua knows no difference. */
export function packTexts(items: readonly (string | Uint8Array)[]): Buffer {
  let most = HEAD_BYTES;
  for (const item of items) most += HEAD_BYTES + item.length * (typeof item === 'string' ? UNIT_BYTES : 1);
  const packed = Buffer.allocUnsafe(most);
  packed[0] = ARRAY_32;
  packed.writeUInt32BE(items.length, 1);
  let at = HEAD_BYTES;
  for (const item of items) {
    if (typeof item === 'string') {
      at = item.length <= SHORT ? writeShort(packed, at, item) : writeLong(packed, at, item);
      continue;
    }
    at = writeHead(packed, at, item.length);
    packed.set(item, at);
    at += item.length;
  }
  return packed.subarray(0, at);
}

/** Answers where it ends. */
function writeShort(into: Buffer, from: number, text: string): number {
  const begin = writeHead(into, from, text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return writeLong(into, from, text);
    into[begin + i] = unit;
  }
  return begin + text.length;
}

function writeLong(into: Buffer, from: number, text: string): number {
  const length = into.write(text, from + HEAD_BYTES);
  into[from] = STRING_32;
  into.writeUInt32BE(length, from + 1);
  return from + HEAD_BYTES + length;
}

function writeHead(into: Buffer, from: number, length: number): number {
  let at = from;
  if (length < 32) {
    into[at++] = STRING_5 | length;
  } else if (length < 256) {
    into[at++] = STRING_8;
    into[at++] = length;
  } else {
    into[at] = STRING_32;
    at = into.writeUInt32BE(length, at + 1);
  }
  return at;
}
