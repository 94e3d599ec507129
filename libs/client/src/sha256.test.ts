import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { sha256 } from './sha256.ts';

it('SHA-256 is that of Node, for texts of every length around a block', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
    const expected = createHash('sha256').update(bytes).digest();
    assert.deepEqual(Buffer.from(sha256(bytes)), expected, `${length} bytes`);
  }
});
