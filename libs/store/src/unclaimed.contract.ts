import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  ANY_INSTANCE,
  CIM_DEVICE,
  type Epoch,
  type InstanceId,
  inboxOf,
  messageId,
  type NamedUser,
  type Seq,
} from '@cim/protocol';
import { until } from '@cim/testkit';
import {
  appendOk,
  CIM,
  cimAt,
  cimOf,
  claimedBy,
  logIn,
  newClaim,
  newInstance,
  newPair,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
} from '../test/contract-fixture.ts';
import type { Store } from './store.ts';

/**
 * Tests a login that is only issued: its secret is valid, and the live session before it stays live until the
 * claim.
 */
export function unclaimedContract(open: OpenStore): void {
  describe('a login that nobody has claimed yet', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    async function issue(user: NamedUser, instance: InstanceId, secretHash = ''): Promise<Epoch> {
      const answer = await store.sessions.issue({ user, instance, ...CIM, policy: 'kick', secretHash });
      assert.equal(answer.outcome, 'issued');
      return answer.epoch;
    }

    async function claim(user: NamedUser, instance: InstanceId, epoch: Epoch): Promise<void> {
      const attempt = { userId: user.userId, instance, epoch, claim: newClaim() };
      assert.equal((await store.sessions.claim(attempt)).outcome, 'claimed');
    }

    const secrets = async (user: NamedUser): Promise<readonly string[] | undefined> =>
      (await store.sessions.find(user.userId))[0]?.secretHashes;

    /** Makes a user with a live session on one server and a newer, unclaimed login at another. */
    async function both() {
      const user = await newUser(store);
      const [old, instance] = [await newServer(store), await newServer(store)];
      const live = cimAt(old, await logIn(store, user, old));
      return { user, live, instance, epoch: await issue(user, instance) };
    }

    test('leaves the secrets of earlier logins valid; its claim ends them', async () => {
      const user = await newUser(store);
      const instance = await newServer(store);
      await claim(user, instance, await issue(user, instance, 'first'));
      assert.deepEqual(await secrets(user), ['first']);
      await issue(user, instance, 'second');
      const third = await issue(user, instance, 'third');
      assert.deepEqual(await secrets(user), ['third', 'second', 'first']);
      await claim(user, instance, third);
      assert.deepEqual(await secrets(user), ['third']);
    });

    test('a secret survives a lost connection, and a login without a secret until that is claimed', async () => {
      const user = await newUser(store);
      const instance = await newServer(store);
      const epoch = await issue(user, instance, 'mine');
      await claim(user, instance, epoch);
      await store.sessions.release(cimOf(user), epoch, instance);
      assert.deepEqual(await secrets(user), ['mine']);
      const bare = await issue(user, instance);
      assert.deepEqual(await secrets(user), ['', 'mine']);
      await claim(user, instance, bare);
      assert.deepEqual(await secrets(user), ['']);
    });

    test('that names no server is claimed once, by the server that claims it first, and is there from then on', async () => {
      const user = await newUser(store);
      const [first, second] = [await newServer(store), await newServer(store)];
      const old = await logIn(store, user, second);
      const epoch = await issue(user, ANY_INSTANCE, 'mine');
      assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(second, old)]);
      const attempt = { userId: user.userId, instance: first, epoch, claim: newClaim() };
      const claimed = await store.sessions.claim(attempt);
      assert.ok(claimed.outcome === 'claimed');
      assert.deepEqual(claimed.previous, [cimAt(second, old)]);
      assert.deepEqual(
        await store.sessions.claim(attempt),
        claimed,
        'a repeated call is answered as the first',
      );
      for (const instance of [first, second])
        assert.equal(
          (await store.sessions.claim({ ...attempt, instance, claim: newClaim() })).outcome,
          'refused',
        );
      assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(first, epoch)]);
      assert.deepEqual(await store.sessions.online(first), [user]);
      // A late end of the replaced session.
      await store.sessions.release(cimOf(user), old, second);
      assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(first, epoch)]);
    });

    test('that names no server opens nothing after a logout, which has no channel to close', async () => {
      const user = await newUser(store);
      const server = await newServer(store);
      const epoch = await issue(user, ANY_INSTANCE, 'mine');
      assert.deepEqual(await store.sessions.end(user.userId, { secretHash: 'mine' }), []);
      const attempt = { userId: user.userId, instance: server, epoch, claim: newClaim() };
      assert.equal((await store.sessions.claim(attempt)).outcome, 'refused');
    });

    test('that names no server is not claimed by a name', async () => {
      const user = await newUser(store);
      const instance = await newServer(store);
      await issue(user, ANY_INSTANCE, 'mine');
      const { userId, userName } = user;
      assert.equal(
        (await store.sessions.claim({ userId, userName, instance, claim: newClaim() })).outcome,
        'refused',
      );
    });

    test('many unclaimed logins cost bounded room: the claimed secret and the newest are kept', async () => {
      const user = await newUser(store);
      const instance = await newServer(store);
      await claim(user, instance, await issue(user, instance, 'claimed'));
      for (let i = 1; i <= 20; i++) await issue(user, instance, `login-${i}`);
      const kept = await secrets(user);
      assert.deepEqual([kept?.[0], kept?.[1], kept?.at(-1)], ['login-20', 'login-19', 'claimed']);
      assert.ok(kept?.length === 8, `${kept?.length} are kept`);
    });

    test('does not hide the live session from pushes, from the online set, or from the pass over sessions', async () => {
      const { user, live, instance, epoch } = await both();
      const { sessions } = store;
      assert.deepEqual(await sessions.locate(user.userId), [live]);
      assert.deepEqual(await sessions.epochs([cimOf(user)]), [{ epoch: live.epoch, state: 'live' }]);
      assert.deepEqual(await sessions.online(live.instance), [user]);
      assert.deepEqual(await sessions.online(instance), []);
      await claim(user, instance, epoch);
      assert.deepEqual(await sessions.locate(user.userId), [cimAt(instance, epoch)]);
      assert.deepEqual(await sessions.epochs([cimOf(user)]), [{ epoch, state: 'live' }]);
    });

    test('a second one changes nothing of that', async () => {
      const { user, live, instance } = await both();
      await issue(user, instance);
      assert.deepEqual(await store.sessions.locate(user.userId), [live]);
    });

    test('locates nobody once the server of the live session is gone', async () => {
      const { user, live } = await both();
      await store.sessions.closeLease(live.instance);
      assert.deepEqual(await store.sessions.locate(user.userId), []);
    });

    test('the live session before it acks on, until the claim', async () => {
      const { sends, to } = await newPair(store);
      const instance = await newServer(store);
      const inbox = inboxOf(to.userId);
      const old = await logIn(store, to, instance);
      for (const counter of [1, 2]) await appendOk(store, sends.item(counter));
      const ack = async (epoch: Epoch, counter: number): Promise<number | undefined> => {
        const cursor = { seq: counter as Seq, id: messageId(sends.sender.userId, sends.producer, counter) };
        await store.streams.ack([{ user: to.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor }]);
        return (await store.streams.cursor(to.userId, CIM_DEVICE, inbox))?.seq;
      };
      const epoch = await issue(to, instance);
      assert.equal(await ack(old, 1), 1);
      await claim(to, instance, epoch);
      assert.equal(await ack(old, 2), 1);
      assert.equal(await ack(epoch, 2), 2);
    });

    test('a reclaim moves the live session, and the claim names its new place', async () => {
      const { user, live, instance, epoch } = await both();
      const to = await newServer(store);
      assert.deepEqual(await store.sessions.reclaim([{ ...user, ...CIM, epoch: live.epoch }], to), [true]);
      const moved = cimAt(to, live.epoch);
      assert.deepEqual(await store.sessions.locate(user.userId), [moved]);
      assert.deepEqual(await store.sessions.online(to), [user]);
      const attempt = { userId: user.userId, instance, epoch, claim: newClaim() };
      assert.deepEqual(await store.sessions.claim(attempt), claimedBy(user, epoch, moved));
    });

    test('end answers the place of the open channel, and ends both', async () => {
      const { user, live, instance, epoch } = await both();
      assert.deepEqual(await store.sessions.end(user.userId), [live]);
      assert.deepEqual(await store.sessions.end(user.userId), []);
      assert.deepEqual(await store.sessions.locate(user.userId), []);
      assert.deepEqual(await store.sessions.online(live.instance), []);
      const attempt = { userId: user.userId, instance, epoch, claim: newClaim() };
      assert.deepEqual(await store.sessions.claim(attempt), { outcome: 'refused' });
    });

    test('end with the secret of the live session ends that one; the newer login and its secret stay', async () => {
      const user = await newUser(store);
      const [old, instance] = [await newServer(store), await newServer(store)];
      const live = cimAt(old, await issue(user, old, 'live'));
      await claim(user, old, live.epoch);
      await issue(user, instance, 'lost');
      const epoch = await issue(user, instance, 'newest');
      assert.deepEqual(await store.sessions.end(user.userId, { secretHash: 'unknown' }), []);
      assert.deepEqual(await store.sessions.locate(user.userId), [live]);
      assert.deepEqual(await store.sessions.end(user.userId, { secretHash: 'live' }), [live]);
      assert.deepEqual(await secrets(user), ['newest', 'lost']);
      assert.deepEqual(await store.sessions.locate(user.userId), []);
      assert.deepEqual(await store.sessions.online(old), []);
      assert.deepEqual(await store.sessions.epochs([cimOf(user)]), [{ epoch, state: 'issued' }]);
      await claim(user, instance, epoch);
      assert.deepEqual(await secrets(user), ['newest']);
    });

    test('end with the secret of a login in between ends the secrets before it too', async () => {
      const user = await newUser(store);
      const instance = await newServer(store);
      const live = cimAt(instance, await issue(user, instance, 'live'));
      await claim(user, instance, live.epoch);
      await issue(user, instance, 'between');
      await issue(user, instance, 'newest');
      assert.deepEqual(await store.sessions.end(user.userId, { secretHash: 'between' }), [live]);
      assert.deepEqual(await secrets(user), ['newest']);
    });

    test('end with the newest secret ends everything, and no secret is valid afterwards', async () => {
      const user = await newUser(store);
      const [old, instance] = [await newServer(store), await newServer(store)];
      const live = cimAt(old, await issue(user, old, 'live'));
      await claim(user, old, live.epoch);
      const epoch = await issue(user, instance, 'newest');
      assert.deepEqual(await store.sessions.end(user.userId, { secretHash: 'newest' }), [live]);
      assert.deepEqual(await secrets(user), ['']);
      assert.deepEqual(await store.sessions.end(user.userId, { secretHash: 'newest' }), []);
      const attempt = { userId: user.userId, instance, epoch, claim: newClaim() };
      assert.deepEqual(await store.sessions.claim(attempt), { outcome: 'refused' });
    });

    test('after a release of the live session only the login is left', async () => {
      const { user, live, instance, epoch } = await both();
      await store.sessions.release(cimOf(user), live.epoch, live.instance);
      assert.deepEqual(await store.sessions.locate(user.userId), []);
      assert.deepEqual(await store.sessions.online(live.instance), []);
      assert.deepEqual(await store.sessions.end(user.userId), [cimAt(instance, epoch)]);
    });

    test('lapses, and under reject the live session still blocks a login until it is released', async () => {
      const short = await open({ issuedMs: 200 });
      try {
        const { sessions } = short.store;
        const user = await newUser(short.store);
        const instance = await newServer(short.store);
        const live = await logIn(short.store, user, instance);
        const login = { user, instance: newInstance(), secretHash: '' };
        await sessions.issue({ ...login, ...CIM, policy: 'kick' });
        const lapsed = performance.now() + 300;
        await until('the login has lapsed', () => performance.now() > lapsed);
        assert.deepEqual(await sessions.issue({ ...login, ...CIM, policy: 'reject' }), {
          outcome: 'repeat',
          live: [cimAt(instance, live)],
        });
        assert.deepEqual(await sessions.locate(user.userId), [cimAt(instance, live)]);
        await sessions.release(cimOf(user), live, instance);
        assert.equal((await sessions.issue({ ...login, ...CIM, policy: 'reject' })).outcome, 'issued');
      } finally {
        await short.close();
      }
    });
  });
}
