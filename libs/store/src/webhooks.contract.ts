import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { OpenedStore, OpenStore } from '../test/contract-fixture.ts';
import type { Store } from './store.ts';
import { type Webhook, WEBHOOKS_AT_MOST } from './webhooks.ts';

export function webhooksContract(open: OpenStore): void {
  describe('webhooks', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const made = (changes: Partial<Webhook> = {}): Webhook => ({
      ...{ id: randomBytes(9).toString('base64url'), version: 1, url: 'https://example.com/ü?a=%20' },
      ...{ secrets: [{ secret: 'whsec_a' }, { secret: 'whsec_b', until: 7 }], events: ['message.stored'] },
      ...{ batch: 1, createdAt: 1_795_920_205_871, ...changes },
    });
    const find = async (id: string): Promise<Webhook | undefined> =>
      (await store.webhooks.list()).items.find((webhook) => webhook.id === id);

    test('are listed unchanged, the oldest first, also after a restart', async () => {
      const [late, early] = [made({ createdAt: 9, off: 'why' }), made({ createdAt: 8, only: ['g17'] })];
      for (const webhook of [late, early]) assert.equal(await store.webhooks.put(webhook), 'ok');
      store = await opened.reopen();
      const listed = (await store.webhooks.list()).items.filter(({ id }) => [late.id, early.id].includes(id));
      assert.deepEqual(listed, [early, late]);
    });

    test('a change must follow the present version, and raises the revision', async () => {
      const webhook = made();
      await store.webhooks.put(webhook);
      const { revision } = await store.webhooks.list();
      const next = { ...webhook, version: 2, url: 'https://example.org/' };
      assert.equal(await store.webhooks.put(next), 'ok');
      assert.ok((await store.webhooks.list()).revision > revision);
      assert.equal(await store.webhooks.put({ ...webhook, version: 2, url: 'https://x/' }), 'changed');
      assert.equal(await store.webhooks.put(made({ version: 2 })), 'changed');
      assert.deepEqual(await find(webhook.id), next);
    });

    test('a removed webhook is gone, and a late note of its health does not restore it', async () => {
      const webhook = made();
      await store.webhooks.put(webhook);
      const health = { failingSince: 5, problem: 'HTTP 500', notedAt: 6 };
      await store.webhooks.note(webhook.id, health);
      assert.deepEqual((await store.webhooks.health()).get(webhook.id), health);
      const { revision } = await store.webhooks.list();
      assert.equal(await store.webhooks.remove(webhook.id), true);
      assert.ok((await store.webhooks.list()).revision > revision);
      await store.webhooks.note(webhook.id, health);
      assert.equal((await store.webhooks.health()).get(webhook.id), undefined);
      assert.equal(await store.webhooks.remove(webhook.id), false);
      assert.equal(await find(webhook.id), undefined);
    });

    test('their number is limited', async () => {
      for (const { id } of (await store.webhooks.list()).items) await store.webhooks.remove(id);
      const all = Array.from({ length: WEBHOOKS_AT_MOST }, () => made());
      for (const webhook of all) assert.equal(await store.webhooks.put(webhook), 'ok');
      assert.equal(await store.webhooks.put(made()), 'full');
      const [first] = all;
      assert.ok(first !== undefined);
      assert.equal(await store.webhooks.put({ ...first, version: 2 }), 'ok');
      for (const { id } of all) await store.webhooks.remove(id);
    });
  });
}
