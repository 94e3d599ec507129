import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { UserId } from '@cim/protocol';
import type { OpenedStore, OpenStore } from '../test/contract-fixture.ts';
import type { ApiKey } from './api-keys.ts';
import type { Store } from './store.ts';

const T = 1_795_920_205_871;

export function apiKeysContract(open: OpenStore): void {
  describe('API keys', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const made = (changes: Partial<ApiKey> = {}): ApiKey => ({
      id: randomBytes(9).toString('base64url'),
      hash: randomBytes(32).toString('base64url'),
      label: '"the" shop\n*',
      scopes: ['send', 'read'],
      createdAt: T,
      ...changes,
    });

    test('a key is found unchanged, also after a restart', async () => {
      const keys = [made(), made({ user: 1_001 as UserId, expiresAt: T + 1 }), made({ scopes: [] })];
      for (const key of keys) await store.apiKeys.add(key);
      for (const key of keys) assert.deepEqual(await store.apiKeys.find(key.id), key);
      store = await opened.reopen();
      for (const key of keys) assert.deepEqual(await store.apiKeys.find(key.id), key);
      for (const id of ['nobody-made-1', '', '__proto__', keys[0]?.id.slice(1) ?? ''])
        assert.equal(await store.apiKeys.find(id), undefined, id);
    });

    test('all are listed, the oldest first', async () => {
      const [late, early] = [made({ createdAt: T + 9 }), made({ createdAt: T - 9 })];
      await store.apiKeys.add(late);
      await store.apiKeys.add(early);
      const listed = (await store.apiKeys.list()).filter(({ id }) => [late.id, early.id].includes(id));
      assert.deepEqual(listed, [early, late]);
    });

    test('the end of a key can only be moved earlier, and applies at once', async () => {
      const key = made();
      await store.apiKeys.add(key);
      for (const [at, then] of [
        [T + 500, T + 500],
        [T + 900, T + 500],
        [T + 100, T + 100],
      ] as const) {
        assert.equal(await store.apiKeys.expire(key.id, at), true);
        assert.deepEqual(await store.apiKeys.find(key.id), { ...key, expiresAt: then });
      }
      assert.equal(await store.apiKeys.expire('nobody-made-1', T), false);
    });

    test('a removed key is gone, and a late note of its use does not restore it', async () => {
      const key = made({ expiresAt: T });
      await store.apiKeys.add(key);
      await store.apiKeys.used(key.id, T + 7);
      assert.deepEqual(await store.apiKeys.find(key.id), { ...key, usedAt: T + 7 });
      assert.equal(await store.apiKeys.remove(key.id), true);
      await store.apiKeys.used(key.id, T + 8);
      assert.equal(await store.apiKeys.find(key.id), undefined);
      assert.equal(await store.apiKeys.remove(key.id), false);
      assert.ok(!(await store.apiKeys.list()).some(({ id }) => id === key.id));
      // A new key with the same id has nothing of the old one.
      const again = made({ id: key.id });
      await store.apiKeys.add(again);
      assert.deepEqual(await store.apiKeys.find(key.id), again);
    });

    test('simultaneous changes of several keys all take effect', async () => {
      const keys = Array.from({ length: 10 }, () => made());
      await Promise.all(keys.map((key) => store.apiKeys.add(key)));
      await Promise.all(
        keys.flatMap(({ id }, i) => [store.apiKeys.used(id, T + i), store.apiKeys.expire(id, T - i)]),
      );
      for (const [i, key] of keys.entries())
        assert.deepEqual(await store.apiKeys.find(key.id), { ...key, usedAt: T + i, expiresAt: T - i });
    });
  });
}
