import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Rate } from '@cim/runtime';
import { until } from '@cim/testkit';
import { newName, type OpenedStore, type OpenStore } from '../test/contract-fixture.ts';
import type { Limits, Take } from './limits.ts';

const SLOW: Rate = { tokens: 1, intervalMs: 3_600_000, burst: 3 };
const FAST: Rate = { tokens: 1, intervalMs: 50, burst: 1 };

export function limitsContract(open: OpenStore): void {
  describe('limits', () => {
    let opened: OpenedStore;
    let limits: Limits;
    before(async () => {
      opened = await open();
      limits = opened.store.limits;
    });
    after(() => opened.close());

    const of = (): string => `${Math.floor(Math.random() * 2 ** 40)}`;
    const take = (one: Partial<Take> & { of: string }): Take => ({
      ...{ limit: 'test', rate: SLOW, cost: 1 },
      ...one,
    });

    test('a bucket gives its tokens, and then answers after how many ms there is another', async () => {
      const one = take({ of: of() });
      for (let i = 0; i < 3; i++) assert.equal(await limits.take([one]), undefined);
      const limited = await limits.take([one]);
      assert.ok(limited?.index === 0 && limited.afterMs > 3_590_000 && limited.afterMs <= 3_600_000);
    });

    test('a bucket fills again with time', async () => {
      const one = take({ of: of(), rate: FAST });
      assert.equal(await limits.take([one]), undefined);
      assert.equal((await limits.take([one]))?.index, 0);
      await until('there is a token', async () => (await limits.take([one])) === undefined);
    });

    test('tokens are taken from all buckets or from none, and the answer names the bucket with too few', async () => {
      const user = of();
      const [full, empty] = [take({ of: user, limit: 'full' }), take({ of: user, limit: 'empty', cost: 3 })];
      assert.equal(await limits.take([empty]), undefined);
      for (let i = 0; i < 5; i++) assert.equal((await limits.take([full, empty]))?.index, 1);
      assert.equal(await limits.take([{ ...full, cost: 3 }]), undefined);
    });

    test('each limit and each user has a separate bucket', async () => {
      const [alice, bob] = [of(), of()];
      assert.equal(await limits.take([take({ of: alice, cost: 3 })]), undefined);
      assert.equal(
        await limits.take([take({ of: bob, cost: 3 }), take({ of: alice, limit: 'other' })]),
        undefined,
      );
    });

    test('a cost of 0 takes nothing, and tells whether there is a token', async () => {
      const one = take({ of: of(), cost: 0 });
      for (let i = 0; i < 5; i++) assert.equal(await limits.take([one]), undefined);
      assert.equal(await limits.take([{ ...one, cost: 3 }]), undefined);
      assert.equal((await limits.take([one]))?.index, 0);
    });

    test('a cost above the size of a bucket empties a full one, and is refused by any other', async () => {
      const one = take({ of: of(), cost: 100 });
      assert.equal(await limits.take([one]), undefined);
      assert.equal((await limits.take([one]))?.index, 0);
    });

    test('addresses of IPv4 and IPv6 work, and an empty list takes nothing', async () => {
      assert.equal(await limits.take([]), undefined);
      const name = newName();
      for (const address of ['192.0.2.1', '2001:db8:0:1::/64'])
        assert.equal(await limits.take([take({ of: address, limit: name })]), undefined);
    });

    test('a thousand simultaneous takes are each counted', async () => {
      const one = take({ of: of(), rate: { ...SLOW, burst: 500 } });
      const answers = await Promise.all(Array.from({ length: 1_000 }, () => limits.take([one])));
      assert.equal(answers.filter((answer) => answer === undefined).length, 500);
    });
  });
}
