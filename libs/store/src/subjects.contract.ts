import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { CimError, UserName } from '@cim/protocol';
import {
  AWKWARD_NAMES,
  newName,
  NOBODY,
  type OpenedStore,
  type OpenStore,
} from '../test/contract-fixture.ts';
import type { Store } from './store.ts';

/** Tests accounts of users who log in with tokens, and their names. */
export function subjectsContract(open: OpenStore): void {
  describe('accounts of subjects', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const refused = (text: RegExp) => (error: CimError) => {
      assert.deepEqual([error.code, error.retryable], ['3000', false]);
      assert.match(error.message, text);
      return true;
    };

    test('a subject has one account, whatever its later names, and whatever its characters', async () => {
      for (const awkward of ['', ...AWKWARD_NAMES]) {
        const subject = `${awkward}${newName()}`;
        assert.equal(await store.accounts.bySubject(subject), undefined);
        const { account, created } = await store.accounts.register(newName(), undefined, subject);
        assert.deepEqual([created, account.subject, account.passwordHash], [true, subject, undefined]);
        assert.deepEqual(await store.accounts.bySubject(subject), account);
        assert.deepEqual(await store.accounts.byId(account.userId), account);
        assert.deepEqual(await store.accounts.register(newName(), undefined, subject), {
          account,
          created: false,
        });
      }
    });

    test('a name of another account is answered with that account', async () => {
      const { account } = await store.accounts.register(newName());
      const answer = await store.accounts.register(account.userName, undefined, `sub-${account.userName}`);
      assert.deepEqual(answer, { account, created: false });
      assert.equal(await store.accounts.bySubject(`sub-${account.userName}`), undefined);
    });

    test('simultaneous first logins of one subject get one account, also under different names', async () => {
      for (const one of [true, false]) {
        const [subject, name] = [`sub-${newName()}`, newName()];
        const names = Array.from({ length: 8 }, () => (one ? name : newName()));
        const answers = await Promise.all(names.map((it) => store.accounts.register(it, undefined, subject)));
        const ids = new Set(answers.map(({ account }) => account.userId));
        assert.equal(ids.size, 1);
        const account = await store.accounts.bySubject(subject);
        assert.ok(account !== undefined && ids.has(account.userId));
        // The names that were not used are free.
        for (const it of names)
          if (it !== account.userName) assert.equal((await store.accounts.register(it)).created, true);
      }
    });

    test('a new name replaces the old one, which becomes free; the account stays the same', async () => {
      const [subject, first, second] = [`sub-${newName()}`, newName(), newName()];
      const { account } = await store.accounts.register(first, undefined, subject);
      const renamed = { ...account, userName: second };
      assert.deepEqual(await store.accounts.rename(account.userId, second), renamed);
      assert.deepEqual(await store.accounts.rename(account.userId, second), renamed);
      for (const found of [
        await store.accounts.bySubject(subject),
        await store.accounts.byId(account.userId),
        await store.accounts.byName(second),
      ])
        assert.deepEqual(found, renamed);
      assert.equal(await store.accounts.byName(first), undefined);
      const { account: other, created } = await store.accounts.register(first);
      assert.ok(created && other.userId !== account.userId);
      store = await opened.reopen();
      assert.deepEqual(await store.accounts.bySubject(subject), renamed);
      const upper = second.toUpperCase() as UserName;
      assert.equal((await store.accounts.rename(account.userId, upper)).userName, upper);
      assert.equal((await store.accounts.byName(second))?.userName, upper);
    });

    test('a name that belongs to another account, or looks like it, is refused, and nothing changes', async () => {
      const { account: other } = await store.accounts.register(`scope${newName()}` as UserName);
      const { account } = await store.accounts.register(newName(), undefined, `sub-${newName()}`);
      await assert.rejects(
        store.accounts.rename(account.userId, other.userName),
        refused(/is taken by another account/),
      );
      const like = `ѕ${other.userName.slice(1)}` as UserName;
      await assert.rejects(store.accounts.rename(account.userId, like), refused(/looks like/));
      assert.deepEqual(await store.accounts.byId(account.userId), account);
      assert.deepEqual(await store.accounts.byName(account.userName), account);
      assert.deepEqual(await store.accounts.byName(other.userName), other);
      await assert.rejects(store.accounts.rename(NOBODY, newName()), /incorrect/);
    });
  });
}
