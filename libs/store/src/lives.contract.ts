import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type DeviceId, DEFAULT_DEVICE, type Epoch, type InstanceId, type NamedUser } from '@cim/protocol';
import { newClaim, newServer, newUser, type OpenedStore, type OpenStore } from '../test/contract-fixture.ts';
import type { LoginProof, Session } from './sessions.ts';
import type { Store } from './store.ts';

const PHONE = 'a-phone-of-the-tests' as DeviceId;
const BY_PASSWORD = { policy: 'kick' } as const;
const replacing = (shownHash: string, one: 'user' | 'device' = 'user'): LoginProof => ({
  policy: 'replace',
  ...{ one, shownHash },
});

/** Tests when the lives of session secrets begin. */
export function livesContract(open: OpenStore): void {
  describe('lives of session secrets', () => {
    let opened: OpenedStore;
    let store: Store;
    let user: NamedUser;
    let instance: InstanceId;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    const logIn = async (
      proof: LoginProof,
      secretHash: string,
      device: DeviceId = DEFAULT_DEVICE,
    ): Promise<Epoch> => {
      const answer = await store.sessions.issue({ user, instance, device, label: '', secretHash, ...proof });
      assert.equal(answer.outcome, 'issued');
      return answer.epoch;
    };
    const claim = async (epoch: Epoch): Promise<number> => {
      const answer = await store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() });
      assert.equal(answer.outcome, 'claimed');
      return answer.createdAt;
    };
    const find = async (device: DeviceId = DEFAULT_DEVICE): Promise<Session> => {
      const found = (await store.sessions.find(user.userId)).find((session) => session.device === device);
      assert.ok(found);
      return found;
    };
    /** Waits until the clock of the store shows another millisecond, so that times differ. */
    const later = async (): Promise<void> => {
      const probe = await newUser(store);
      const time = async (): Promise<number> => {
        const login = { user: probe, instance, device: PHONE, label: '', secretHash: 'probe' };
        await store.sessions.issue({ ...login, ...BY_PASSWORD });
        return (await store.sessions.find(probe.userId))[0]?.seenAt ?? 0;
      };
      for (const first = await time(); (await time()) <= first; );
    };
    const fresh = async (): Promise<void> => {
      [user, instance] = [await newUser(store), await newServer(store)];
    };

    test('a login that shows a secret inherits its life; another proof begins a new life', async () => {
      await fresh();
      const began = await claim(await logIn(BY_PASSWORD, 'first'));
      assert.ok(Math.abs(began - Date.now()) < 60_000);
      assert.equal((await find()).createdAt, began);
      await later();
      assert.equal(await claim(await logIn(replacing('first'), 'second')), began);
      await later();
      // A login of another device, under a policy of one session per user.
      assert.equal(await claim(await logIn(replacing('second'), 'third', PHONE)), began);
      assert.equal((await find(PHONE)).createdAt, began);
      await later();
      assert.ok((await claim(await logIn(BY_PASSWORD, 'fourth', PHONE))) > began);
    });

    test('an unclaimed login does not change the lives of earlier secrets', async () => {
      await fresh();
      const began = await claim(await logIn(BY_PASSWORD, 'first'));
      await later();
      const second = await logIn(BY_PASSWORD, 'second');
      const { createdAt, olderCreatedAt, secretHashes } = await find();
      assert.deepEqual(secretHashes, ['second', 'first']);
      assert.ok(createdAt > began);
      assert.equal(olderCreatedAt, began);
      await later();
      await logIn(BY_PASSWORD, 'third');
      assert.equal((await find()).olderCreatedAt, began, 'that of the oldest');
      // A login with the older secret continues that secret's life.
      await logIn(replacing('first'), 'fourth');
      assert.equal((await find()).createdAt, began);
      assert.notEqual(second, 0);
    });

    test('the claim forgets the lives of the secrets that it ends', async () => {
      await fresh();
      await claim(await logIn(BY_PASSWORD, 'first'));
      await later();
      const began = await claim(await logIn(BY_PASSWORD, 'second'));
      const { createdAt, olderCreatedAt } = await find();
      assert.deepEqual([createdAt, olderCreatedAt], [began, began]);
    });

    test('a lost connection and another store that opens the data leave a life as it is', async () => {
      await fresh();
      const epoch = await logIn(BY_PASSWORD, 'first');
      const began = await claim(epoch);
      await later();
      await store.sessions.release({ userId: user.userId, device: DEFAULT_DEVICE }, epoch, instance);
      assert.equal((await find()).createdAt, began);
      store = await opened.reopen();
      assert.equal((await find()).createdAt, began);
    });

    test('a session by name alone has no life, so it never ends by age', async () => {
      await fresh();
      assert.equal(await claim(await logIn(BY_PASSWORD, '')), 0);
    });
  });
}
