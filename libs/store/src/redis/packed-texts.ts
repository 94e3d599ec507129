/**
 * Many texts as one argument of a script: a MessagePack array of strings, which Lua in Redis opens with one call.
 * An argument for each costs the driver, and Redis, more than everything else about an append.
 */
const ARRAY_32 = 0xdd;
const STRING_32 = 0xdb;
const HEAD_BYTES = 5;
/** UTF-8 of one unit of UTF-16. */
const UNIT_BYTES = 3;

/** Texts go as UTF-8, bytes as they are; Lua knows no difference. */
export function packTexts(items: readonly (string | Uint8Array)[]): Buffer {
  let most = HEAD_BYTES;
  for (const item of items) most += HEAD_BYTES + item.length * (typeof item === 'string' ? UNIT_BYTES : 1);
  const packed = Buffer.allocUnsafe(most);
  packed[0] = ARRAY_32;
  packed.writeUInt32BE(items.length, 1);
  let at = HEAD_BYTES;
  for (const item of items) {
    const begin = at + HEAD_BYTES;
    let length = item.length;
    if (typeof item === 'string') length = packed.write(item, begin);
    else packed.set(item, begin);
    packed[at] = STRING_32;
    packed.writeUInt32BE(length, at + 1);
    at = begin + length;
  }
  return packed.subarray(0, at);
}
