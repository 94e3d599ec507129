import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CIM_DEVICE, type DeviceId, type Epoch, type InstanceId, type NamedUser } from '@cim/protocol';
import { newClaim, newServer, newUser, type OpenedStore, type OpenStore } from '../test/contract-fixture.ts';
import { feedEnds, readEvents } from '../test/feed.ts';
import type { Store } from './store.ts';

const PHONE = 'a-phone-of-this-test' as DeviceId;
/** No lease lapses by itself during a test. */
const LEASE_MS = 600_000;

export function presenceContract(open: OpenStore): void {
  describe('who comes online and goes offline, in the feed of events', () => {
    let opened: OpenedStore;
    let store: Store;
    const record = (...kinds: ('messages' | 'presence')[]) =>
      store.feed.record({ revision: Date.now(), kinds });
    before(async () => {
      opened = await open({ leaseMs: LEASE_MS });
      store = opened.store;
    });
    after(() => opened.close());

    const logIn = async (user: NamedUser, instance: InstanceId, device = CIM_DEVICE, policy = 'devices') => {
      const login = { user, device, label: '', instance, secretHash: '' };
      const issued = await store.sessions.issue({ ...login, policy: policy as 'devices' });
      assert.ok(issued.outcome === 'issued', issued.outcome);
      const { epoch } = issued;
      const claim = { userId: user.userId, instance, epoch, claim: newClaim() };
      for (let i = 0; i < 2; i++) assert.equal((await store.sessions.claim(claim)).outcome, 'claimed');
      return epoch;
    };
    const logOff = (user: NamedUser, instance: InstanceId, epoch: Epoch, device = CIM_DEVICE) =>
      store.sessions.release({ userId: user.userId, device }, epoch, instance);
    /** What the feed says of the user since it was asked to watch. */
    const watch = async ({ userId }: NamedUser) => {
      const ends = await feedEnds(store.feed);
      return async () =>
        (await readEvents(store.feed, ends)).flatMap((event) =>
          'user' in event && event.user === userId ? [event.kind] : [],
        );
    };
    const sweep = () => store.feed.sweepPresence(store.feed.partitions);
    /** As when the lease of a server that was killed has lapsed: the records of its sessions stay as they are. */
    const die = (instance: InstanceId) => store.sessions.closeLease(instance);

    test('records nothing while nobody wants it, and forgets by then who was online', async () => {
      const user = await newUser(store);
      const instance = await newServer(store);
      await record('messages');
      const said = await watch(user);
      const first = await logIn(user, instance);
      await record('presence');
      await logOff(user, instance, first);
      const second = await logIn(user, instance);
      await record('messages');
      await logOff(user, instance, second);
      await record('presence');
      await sweep();
      const third = await logIn(user, instance);
      await logOff(user, instance, third);
      assert.deepEqual(await said(), ['online', 'online', 'offline']);
    });

    test('the first device brings a user online, and the last one takes it offline, whatever calls come twice', async () => {
      await record('presence');
      const user = await newUser(store);
      const [one, other] = [await newServer(store), await newServer(store)];
      const said = await watch(user);
      const epoch = await logIn(user, one);
      const phone = await logIn(user, other, PHONE);
      await logOff(user, one, epoch);
      await sweep();
      assert.deepEqual(await said(), ['online']);
      await logOff(user, other, phone, PHONE);
      await logOff(user, other, phone, PHONE);
      await logOff(user, one, epoch);
      await sweep();
      assert.deepEqual(await said(), ['online', 'offline']);
      // The newest login of one user ends the others, and a logout all of them.
      await logIn(user, one);
      await logIn(user, other, PHONE, 'kick');
      assert.deepEqual(await said(), ['online', 'offline', 'online']);
      await store.sessions.end(user.userId);
      await store.sessions.end(user.userId);
      assert.deepEqual(await said(), ['online', 'offline', 'online', 'offline']);
    });

    test('users of an im-server that has died are offline, but for those who are elsewhere too', async () => {
      await record('presence');
      const [lone, both] = [await newUser(store), await newUser(store)];
      const [dying, living] = [await newServer(store), await newServer(store)];
      const [saidOfLone, saidOfBoth] = [await watch(lone), await watch(both)];
      await logIn(lone, dying);
      const atDying = await logIn(both, dying);
      const phone = await logIn(both, living, PHONE);
      await sweep();
      assert.deepEqual([await saidOfLone(), await saidOfBoth()], [['online'], ['online']]);
      await die(dying);
      await sweep();
      await sweep();
      assert.deepEqual([await saidOfLone(), await saidOfBoth()], [['online', 'offline'], ['online']]);
      // A late call of the dead server changes nothing, and the last device that lives takes the user offline.
      await logOff(both, dying, atDying);
      await logOff(both, living, phone, PHONE);
      assert.deepEqual(await saidOfBoth(), ['online', 'offline']);
      // So does a later login: the record of the session at the dead server is still there.
      const again = await logIn(lone, living, PHONE);
      await logOff(lone, living, again, PHONE);
      assert.deepEqual(await saidOfLone(), ['online', 'offline', 'online', 'offline']);
    });

    test('a server that takes its sessions to a new lease takes their users along, and brings back those told as offline', async () => {
      await record('presence');
      const [ann, ben] = [await newUser(store), await newUser(store)];
      const [before, now] = [await newServer(store), await newServer(store)];
      const [saidOfAnn, saidOfBen] = [await watch(ann), await watch(ben)];
      const sessions = [
        { ...ann, device: CIM_DEVICE, epoch: await logIn(ann, before) },
        { ...ben, device: CIM_DEVICE, epoch: await logIn(ben, before) },
      ];
      await die(before);
      assert.deepEqual(await store.sessions.reclaim(sessions.slice(0, 1), now), [true]);
      await sweep();
      assert.deepEqual([await saidOfAnn(), await saidOfBen()], [['online'], ['online', 'offline']]);
      assert.deepEqual(await store.sessions.reclaim(sessions, now), [true, true]);
      await sweep();
      assert.deepEqual([await saidOfAnn(), await saidOfBen()], [['online'], ['online', 'offline', 'online']]);
      await record();
    });
  });
}
