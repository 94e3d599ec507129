import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import type { OpenedStore, OpenStore } from '../test/contract-fixture.ts';

export function logWishesContract(open: OpenStore): void {
  describe('log wishes', () => {
    let opened: OpenedStore;
    before(async () => {
      opened = await open();
    });
    after(() => opened.close());

    test('the newest wish is known until its time is over', async () => {
      const { logWishes } = opened.store;
      await logWishes.put('first', 60_000);
      await logWishes.put('a "second"', 60_000);
      assert.equal(await logWishes.get(), 'a "second"');
      await logWishes.put('third', 30);
      await until('it is forgotten', async () => (await logWishes.get()) === undefined);
    });
  });
}
