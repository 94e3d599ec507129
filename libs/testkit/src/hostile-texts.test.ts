import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertQuick } from './hostile-texts.ts';

describe('the check of what strangers write', () => {
  it('lets a linear function pass, whatever it throws', () => {
    assertQuick((text) => text.replace(/[\r\n]/g, ' ').trim());
    assertQuick(() => {
      throw new Error('refused');
    });
  });

  it('finds a quadratic pattern', () => {
    // eslint-disable-next-line regexp/no-super-linear-move -- it has to be found
    assert.throws(() => assertQuick((text) => text.replace(/\s+$/, '')), /ms of processor time for/);
  });

  it('finds an exponential one, and interrupts it', () => {
    // eslint-disable-next-line local/one-way-to-match -- it has to be found
    assert.throws(() => assertQuick((text) => /^(a|a)*$/.test(text)), /no end after 5000 ms with/);
  });
});
