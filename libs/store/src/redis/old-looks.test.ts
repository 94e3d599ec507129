import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { foldName, type UserName } from '@cim/protocol';
import { RedisProcess, until } from '@cim/testkit';
import { openRedisForTest } from '../../test/redis-store.ts';
import { looksOf } from '../looks.ts';
import { key } from './keys.ts';

describe('the looks of names in Redis', { concurrency: false }, () => {
  let redis: RedisProcess;
  before(async () => {
    redis = await RedisProcess.start();
  });
  after(() => redis[Symbol.asyncDispose]());

  const isEntered = () =>
    until('the looks are entered', async () => (await redis.cli('GET', key.looksEntered)).trim() === '1');

  test('accounts of a version without looks keep working, and no new name may look like theirs', async (t) => {
    const names = ['alice', 'аlice', 'scope'] as UserName[];
    for (const [i, name] of names.entries()) {
      const id = 5_001 + i;
      await redis.cli('HSET', key.account(id as never), 'name', name, 'password', '', 'attempt', `a${i}`);
      await redis.cli('HSET', key.names(name), foldName(name), String(id));
    }
    const store = await openRedisForTest(t, redis.url);
    await isEntered();
    for (const name of names) {
      const account = await store.accounts.byName(name);
      assert.equal(account?.userName, name);
      assert.deepEqual(await store.accounts.register(name), { account, created: false });
    }
    for (const like of ['a1ice', 'ѕcope'] as UserName[])
      await assert.rejects(store.accounts.register(like), /looks like/);
    const other = await openRedisForTest(t, redis.url);
    await assert.rejects(other.accounts.register('sсope' as UserName), /looks like/);
  });

  test('a registration that died before it had its name is completed by the next one of that name', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    await isEntered();
    const { account } = await store.accounts.register('dora' as UserName, 'hash');
    await redis.cli('HDEL', key.names('dora'), 'dora');
    assert.equal(await store.accounts.byName('dora'), undefined);
    assert.deepEqual(await store.accounts.register('Dora' as UserName, 'other'), { account, created: false });
    assert.deepEqual(await store.accounts.byName('dora'), account);
  });

  test('a look whose account was lost is free again, and a refused registration leaves nothing behind', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    await isEntered();
    const { account } = await store.accounts.register('emil' as UserName);
    await redis.cli('DEL', key.account(account.userId));
    const { created } = await store.accounts.register('emiI' as UserName);
    assert.equal(created, true);
    const keys = async () => (await redis.cli('--scan')).trim().split('\n').sort();
    const before_ = await keys();
    await assert.rejects(store.accounts.register('emi1' as UserName), /looks like "emiI"/);
    assert.deepEqual(await keys(), before_);
  });

  test('a look that another account takes in between is refused, and everything is taken back', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    await isEntered();
    // Many registrations at once: all of them check before one of them has taken the look.
    const names = ['pacos', 'раcos', 'pаcos', 'paсos', 'pacоs', 'pасоs'] as UserName[];
    const answers = await Promise.allSettled(names.map((name) => store.accounts.register(name)));
    const made = answers.filter((answer) => answer.status === 'fulfilled');
    assert.equal(made.length, 1);
    const accounts = (await redis.cli('--scan', '--pattern', '*acct*')).trim().split('\n');
    const held = await Promise.all(accounts.map((account) => redis.cli('HGET', account, 'name')));
    assert.equal(held.filter((name) => names.includes(name.trim() as UserName)).length, 1);
    for (const look of names.flatMap(looksOf)) {
      const holder = (await redis.cli('HGET', key.looks(look), look)).trim();
      assert.ok(holder === '' || Number(holder) === made[0]?.value.account.userId, look);
    }
  });
});
