import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { CimError, UserId, UserName } from '@cim/protocol';
import {
  AWKWARD_NAMES,
  NOBODY,
  newId,
  newName,
  type OpenedStore,
  type OpenStore,
} from '../test/contract-fixture.ts';
import type { Store } from './store.ts';

export function accountsContract(open: OpenStore): void {
  describe('accounts', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    test('a new account is found by its id and by its name', async () => {
      const name = newName();
      const { account, created } = await store.accounts.register(name);
      assert.equal(created, true);
      assert.deepEqual(account, { userId: account.userId, userName: name });
      assert.ok(Number.isSafeInteger(account.userId) && account.userId > 1_000);
      assert.deepEqual(await store.accounts.byId(account.userId), account);
      assert.deepEqual(await store.accounts.byName(name), account);
    });

    test('an account of another system keeps its id; a repeated call answers it', async () => {
      const [name, userId] = [newName(), newId()];
      const adopted = await store.accounts.adopt(userId, name);
      assert.deepEqual(adopted, { account: { userId, userName: name }, created: true });
      assert.deepEqual(await store.accounts.byId(userId), { userId, userName: name });
      assert.deepEqual(await store.accounts.byName(name), { userId, userName: name });
      assert.deepEqual(await store.accounts.adopt(userId, name), { ...adopted, created: false });
      assert.equal((await store.accounts.register(name)).account.userId, userId);
    });

    test('an account is not adopted whose id or name is taken, or whose name looks like another one', async () => {
      const { account } = await store.accounts.register(`I${newName()}` as UserName);
      const refused = async (userId: UserId, name: string, why: RegExp) => {
        await assert.rejects(store.accounts.adopt(userId, name as UserName), (error: CimError) => {
          assert.equal(error.code, '3000');
          assert.match(error.message, why);
          return true;
        });
      };
      const name = newName();
      await refused(account.userId, name, new RegExp(`belongs to "${account.userName}" already`));
      const userId = newId();
      await refused(userId, account.userName, /is taken by another account/);
      await refused(userId, account.userName.toUpperCase(), /is taken by another account/);
      await refused(userId, account.userName.replace('I', 'l'), /looks like/);
      assert.equal(await store.accounts.byId(userId), undefined);
      assert.equal(await store.accounts.byName(name), undefined);
      assert.equal((await store.accounts.adopt(userId, name)).created, true);
    });

    test('of two accounts that are adopted at once with one name, one gets it', async () => {
      const name = newName();
      const ids = [newId(), newId(), newId()];
      const results = await Promise.allSettled(ids.map((id) => store.accounts.adopt(id, name)));
      const made = ids.filter((_, i) => results[i]?.status === 'fulfilled');
      assert.ok(made.length <= 1);
      assert.equal((await store.accounts.byName(name))?.userId, made[0]);
      for (const id of ids) if (id !== made[0]) assert.equal(await store.accounts.byId(id), undefined);
    });

    test('a new account passes over ids that were adopted', async () => {
      const { account } = await store.accounts.register(newName());
      const next = (account.userId + 1) as UserId;
      const name = newName();
      const [adopted] = await Promise.allSettled([store.accounts.adopt(next, name)]);
      const after = await store.accounts.register(newName());
      assert.notEqual(after.account.userId, next);
      if (adopted.status === 'fulfilled') assert.equal((await store.accounts.byId(next))?.userName, name);
    });

    test('a password hash comes back as it was given', async () => {
      const name = newName();
      const hash = '$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA';
      const { account } = await store.accounts.register(name, hash);
      assert.equal(account.passwordHash, hash);
      assert.equal((await store.accounts.byId(account.userId))?.passwordHash, hash);
      assert.equal((await store.accounts.byName(name))?.passwordHash, hash);
    });

    test('a password hash is replaced only by a caller that knows the present one', async () => {
      const { account } = await store.accounts.register(newName(), 'first');
      const hashOf = async () => (await store.accounts.byId(account.userId))?.passwordHash;
      assert.equal(await store.accounts.replacePassword(account.userId, 'other', 'second'), false);
      assert.equal(await hashOf(), 'first');
      assert.equal(await store.accounts.replacePassword(account.userId, 'first', 'second'), true);
      assert.equal(await hashOf(), 'second');
      // The answer was lost, and the caller asks again.
      assert.equal(await store.accounts.replacePassword(account.userId, 'first', 'second'), true);
      assert.equal(await store.accounts.replacePassword(account.userId, 'first', 'third'), false);
      assert.equal(await hashOf(), 'second');
      assert.equal((await store.accounts.byId(account.userId))?.userName, account.userName);
    });

    test('an account without a password gets one once, and a missing account gets none', async () => {
      const { account } = await store.accounts.register(newName());
      const set = (userId: UserId, hash: string) => store.accounts.replacePassword(userId, undefined, hash);
      assert.equal(await set(account.userId, 'first'), true);
      assert.equal(await set(account.userId, 'first'), true, 'the answer was lost');
      assert.equal(await set(account.userId, 'second'), false);
      assert.equal((await store.accounts.byId(account.userId))?.passwordHash, 'first');
      assert.equal(await set(NOBODY, 'first'), false);
      assert.equal(await store.accounts.byId(NOBODY), undefined);
    });

    test('of simultaneous password changes one wins', async () => {
      const { account } = await store.accounts.register(newName(), 'first');
      const answers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((hash) => store.accounts.replacePassword(account.userId, 'first', hash)),
      );
      assert.equal(answers.filter(Boolean).length, 1);
    });

    test('a change gives no password to an account without one, or to a missing account', async () => {
      const { account } = await store.accounts.register(newName());
      for (const userId of [account.userId, NOBODY]) {
        for (const replaces of ['first', 'undefined'])
          assert.equal(await store.accounts.replacePassword(userId, replaces, 'second'), false);
        assert.equal((await store.accounts.byId(userId))?.passwordHash, undefined);
      }
    });

    test('a name that exists answers its own account, unchanged, whatever its case', async () => {
      const name = newName();
      const first = await store.accounts.register(name, 'first');
      const second = await store.accounts.register(name.toUpperCase() as UserName, 'second');
      assert.deepEqual(second, { account: first.account, created: false });
      assert.deepEqual(await store.accounts.byName(name.toUpperCase()), first.account);
    });

    test('a name in another Unicode form is the same name', async () => {
      const name = newName();
      const { account } = await store.accounts.register(`${name}-Å` as UserName);
      assert.deepEqual(await store.accounts.byName(`${name}-å`), account);
    });

    test('simultaneous registrations of one name get the same account, made once', async () => {
      const name = newName();
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.accounts.register((i % 2 === 0 ? name : name.toUpperCase()) as UserName, `hash ${i}`),
        ),
      );
      assert.equal(answers.filter((answer) => answer.created).length, 1);
      const winner = answers.find((answer) => answer.created)?.account;
      for (const { account } of answers) assert.deepEqual(account, winner);
      assert.deepEqual(await store.accounts.byName(name), winner);
    });

    test('a new name that looks like a taken one is refused, and no account is made', async () => {
      // An end without characters that have look-alikes themselves.
      const end = `-${randomBytes(6).toString('hex').replaceAll(/[01]/g, '2')}`;
      const { account } = await store.accounts.register(`Paypal${end}` as UserName);
      for (const like of [`Раypal${end}`, `PaypaI${end}`, `рауpal${end}`, `paypa1${end}`]) {
        await assert.rejects(store.accounts.register(like as UserName, 'hash'), (error: CimError) => {
          assert.deepEqual([error.code, error.retryable], ['3000', false]);
          assert.ok(error.message.includes(`"${like}" looks like "Paypal${end}"`), error.message);
          return true;
        });
        assert.equal(await store.accounts.byName(like), undefined);
      }
      for (const same of [`paypal${end}`, `PAYPAL${end}`])
        assert.deepEqual(await store.accounts.register(same as UserName), { account, created: false });
      // A refusal takes no name. A name that differs from the taken one only by the refused part is accepted.
      const { created } = await store.accounts.register(`Раypalx${end}` as UserName);
      assert.equal(created, true);
      store = await opened.reopen();
      await assert.rejects(store.accounts.register(`paypa1${end}` as UserName), /looks like/);
    });

    test('of simultaneous look-alikes at most one gets an account, and none of the names stays free', async () => {
      for (let round = 0; round < 5; round++) {
        const end = `-${randomBytes(6).toString('hex').replaceAll(/[01]/g, '2')}`;
        const names = ['scope', 'ѕcope', 'sсope', 'scоpe', 'scopе', 'SCOPE', 'ЅCOPE'].map(
          (name) => name + end,
        );
        const answers = await Promise.allSettled(
          [...names, ...names].map((name) => store.accounts.register(name as UserName)),
        );
        const accounts = answers.flatMap((answer) =>
          answer.status === 'fulfilled' ? [answer.value.account] : [],
        );
        const [winner] = accounts;
        assert.ok(new Set(accounts.map(({ userId }) => userId)).size <= 1);
        for (const answer of answers)
          if (answer.status === 'rejected') assert.match((answer.reason as Error).message, /looks like/);
        if (winner === undefined) continue;
        for (const account of accounts) assert.deepEqual(account, winner);
        assert.deepEqual(await store.accounts.byName(winner.userName), winner);
      }
    });

    test('accounts made at once have ids of their own', async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => store.accounts.register(newName())));
      assert.equal(new Set(answers.map((answer) => answer.account.userId)).size, 50);
    });

    test('no account is found by an id or a name that was never made', async () => {
      assert.equal(await store.accounts.byId(NOBODY), undefined);
      assert.equal(await store.accounts.byName(newName()), undefined);
      for (const name of AWKWARD_NAMES)
        assert.equal(await store.accounts.byName(`${name}?`), undefined, name);
      assert.equal(await store.accounts.byName('toString'), undefined);
      assert.equal(await store.accounts.byName(''), undefined);
    });

    test('a name is stored as a value only, whatever its characters', async () => {
      for (const name of AWKWARD_NAMES) {
        assert.equal(await store.accounts.byName(name), undefined, name);
        const { account } = await store.accounts.register(name as UserName);
        assert.equal(account.userName, name);
        assert.deepEqual(await store.accounts.byName(name), account);
        assert.deepEqual(await store.accounts.byId(account.userId), account);
      }
    });

    test('accounts survive a restart, and no id is given twice', async () => {
      const name = newName();
      const { account } = await store.accounts.register(name, 'hash');
      store = await opened.reopen();
      assert.deepEqual(await store.accounts.byId(account.userId), account);
      assert.deepEqual(await store.accounts.byName(name), account);
      assert.deepEqual(await store.accounts.register(name), { account, created: false });
      const { account: next } = await store.accounts.register(newName());
      assert.ok(next.userId > account.userId);
    });
  });
}
