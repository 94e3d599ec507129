import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserId, UserName } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedForTest } from '../../test/embedded-folder.ts';
import { looksOf } from '../looks.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { accountKey, LOOKS, lookKey, NEXT_USER, nameKey } from './keys.ts';
import { Ledger } from './ledger.ts';

test('accounts of a version without looks keep working, and no new name may look like theirs', async (t) => {
  const folder = await openEmbeddedForTest(t);
  // More accounts than are read at once. Two of them look the same.
  const names = ['alice', ...Array.from({ length: 1_200 }, (_, i) => `user-${i}-x`), 'аlice'] as UserName[];
  await folder.store.stop();
  const ledger = await Ledger.open(folder.dir, silentLogger());
  for (const [i, userName] of names.entries()) {
    const userId = (1_001 + i) as UserId;
    ledger.put(accountKey(userId), { userName });
    ledger.put(nameKey(userName), { userId });
  }
  ledger.put(NEXT_USER, { id: 1_001 + names.length });
  ledger.put(LOOKS, undefined);
  await ledger.commit();
  await ledger.close();

  const store = await openEmbeddedStore({ dir: folder.dir, logger: silentLogger() });
  for (const name of ['alice', 'аlice', 'user-7-x'] as UserName[]) {
    const account = await store.accounts.byName(name);
    assert.equal(account?.userName, name);
    assert.deepEqual(await store.accounts.register(name), { account, created: false });
  }
  for (const like of ['a1ice', 'user-7-х', 'user-1199-х'] as UserName[])
    await assert.rejects(store.accounts.register(like), /looks like/);
  await store.stop();

  const after = await Ledger.open(folder.dir, silentLogger());
  const [look = ''] = looksOf('alice');
  assert.deepEqual(after.committed(lookKey(look)), { userId: 1_001 });
  await after.close();
  await folder.reopen();
});
