import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackedTexts } from './packed-texts.ts';

/** Reads an array of strings by MessagePack's own rules. */
function unpack(packed: Buffer): Buffer[] {
  assert.equal(packed[0], 0xdd, 'an array with a length of 32 bits');
  const strings: Buffer[] = [];
  let at = 5;
  for (let left = packed.readUInt32BE(1); left > 0; left--) {
    const head = packed.readUInt8(at);
    let length = head & 0x1f;
    let begin = at + 1;
    if (head === 0xd9) [length, begin] = [packed.readUInt8(at + 1), at + 2];
    else if (head === 0xdb) [length, begin] = [packed.readUInt32BE(at + 1), at + 5];
    else assert.equal(head & 0xe0, 0xa0, 'a string');
    at = begin + length;
    strings.push(packed.subarray(begin, at));
  }
  assert.equal(at, packed.length, 'nothing behind it');
  return strings;
}

test('a reader of MessagePack finds the packed texts, bytes and numbers, of any length', () => {
  const text = fc.string({ unit: 'binary', maxLength: 400 });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(text, fc.uint8Array({ maxLength: 400 }), fc.maxSafeNat(), fc.nat(1_000))),
      fc.nat(500),
      (items, likely) => {
        const pack = new PackedTexts(likely);
        for (const item of items) {
          if (typeof item === 'string') pack.text(item);
          else if (typeof item === 'number') pack.number(item);
          else pack.bytes(item);
        }
        const expected = items.map((item) =>
          typeof item === 'object' ? Buffer.from(item) : Buffer.from(String(item)),
        );
        assert.deepEqual(unpack(pack.packed()), expected);
      },
    ),
  );
});
