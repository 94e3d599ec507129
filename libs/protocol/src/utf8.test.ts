import assert from 'node:assert/strict';
import { isUtf8 as isUtf8OfNode } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isUtf8, utf8Bytes } from './utf8.ts';

describe('UTF-8', () => {
  it('counts the bytes of any text as Node does, halves of surrogate pairs included', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((u) => String.fromCharCode(u)) }),
        (text) => {
          assert.equal(utf8Bytes(text), Buffer.byteLength(text));
        },
      ),
    );
    for (const text of ['', 'a', 'é', '群', '😀', '\ud83d', '\ude00', '\ud83d😀'])
      assert.equal(utf8Bytes(text), Buffer.byteLength(text));
  });

  it('knows what is UTF-8 as Node does: every first and second byte, and changed texts', () => {
    for (let first = 0; first < 256; first++)
      for (let second = 0; second < 256; second++)
        for (const rest of [[], [0x80], [0x80, 0x80], [0x80, 0x80, 0x41]]) {
          const bytes = Uint8Array.from([first, second, ...rest]);
          assert.equal(isUtf8(bytes, 0, bytes.length), isUtf8OfNode(bytes), String(bytes));
        }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), fc.nat(255), (text, at, byte) => {
        const bytes = new TextEncoder().encode(text);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        assert.equal(isUtf8(bytes, 0, bytes.length), isUtf8OfNode(bytes));
      }),
    );
  });

  it('looks at the bytes between its bounds only', () => {
    const bytes = Uint8Array.from([0xff, 0x41, 0xc3, 0xa9, 0xff]);
    assert.equal(isUtf8(bytes, 1, 4), true);
    assert.equal(isUtf8(bytes, 1, 3), false);
    assert.equal(isUtf8(bytes, 1, 5), false);
  });
});
