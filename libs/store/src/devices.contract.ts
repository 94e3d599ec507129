import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  CIM_DEVICE,
  DEFAULT_DEVICE,
  type DeviceId,
  type Epoch,
  groupStream,
  type InstanceId,
  inboxOf,
  LOBBY,
  messageId,
  type NamedUser,
  type Seq,
} from '@cim/protocol';
import {
  appendOk,
  newClaim,
  newPair,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
} from '../test/contract-fixture.ts';
import type { ClaimAnswer, IssueAnswer, SessionAt } from './sessions.ts';
import type { Store } from './store.ts';

const PHONE = 'phone-of-the-user' as DeviceId;
const LAPTOP = 'laptop-of-the-user' as DeviceId;
const numbered = (i: number): DeviceId => `device-number-${String(i).padStart(4, '0')}` as DeviceId;

/** Tests users with several devices. */
export function devicesContract(open: OpenStore): void {
  describe('devices', () => {
    let opened: OpenedStore;
    let store: Store;
    let instance: InstanceId;
    before(async () => {
      opened = await open();
      store = opened.store;
      instance = await newServer(store);
    });
    after(() => opened.close());

    type Options = {
      readonly at?: InstanceId;
      readonly policy?: 'devices' | 'kick' | 'reject';
      readonly maxDevices?: number;
    };
    /** Issues a login whose secret is the device's id. */
    const issue = (user: NamedUser, device: DeviceId, options: Options = {}): Promise<IssueAnswer> => {
      const { at = instance, policy = 'devices', maxDevices = 10 } = options;
      const secretHash = device === CIM_DEVICE ? '' : `secret-of-${device}`;
      return store.sessions.issue({ user, device, label: '', policy, instance: at, secretHash, maxDevices });
    };
    const issued = async (...of: Parameters<typeof issue>): Promise<Epoch> => {
      const answer = await issue(...of);
      assert.equal(answer.outcome, 'issued');
      return answer.epoch;
    };
    const claim = (user: NamedUser, epoch: Epoch, at = instance): Promise<ClaimAnswer> =>
      store.sessions.claim({ userId: user.userId, instance: at, epoch, claim: newClaim() });
    /** Makes a live session. Answers what its claim answered. */
    async function live(user: NamedUser, device: DeviceId, options: Options = {}) {
      const { at = instance } = options;
      const epoch = await issued(user, device, options);
      const answer = await claim(user, epoch, at);
      assert.ok(answer.outcome === 'claimed');
      return { device, instance: at, epoch, previous: answer.previous, others: answer.others };
    }
    const place = ({ device, instance: at, epoch }: SessionAt): SessionAt => ({
      device,
      instance: at,
      epoch,
    });
    const located = async (user: NamedUser): Promise<DeviceId[]> =>
      (await store.sessions.locate(user.userId)).map(({ device }) => device).sort();
    const states = async (user: NamedUser): Promise<Record<string, string>> =>
      Object.fromEntries(
        (await store.sessions.find(user.userId)).map(({ device, state }) => [device, state]),
      );

    test('are live side by side, on one server or two; each claim names the others', async () => {
      const user = await newUser(store);
      const other = await newServer(store);
      const phone = await live(user, PHONE);
      const laptop = await live(user, LAPTOP, { at: other });
      assert.deepEqual([phone.others, laptop.previous, laptop.others], [[], [], [place(phone)]]);
      assert.deepEqual(await located(user), [LAPTOP, PHONE]);
      const of = [PHONE, LAPTOP, CIM_DEVICE].map((device) => ({ userId: user.userId, device }));
      assert.deepEqual(await store.sessions.epochs(of), [
        { epoch: phone.epoch, state: 'live' },
        { epoch: laptop.epoch, state: 'live' },
        { epoch: 0, state: 'ended' },
      ]);
      assert.ok(laptop.epoch > phone.epoch);
    });

    test('are found with their labels and times, the newest login first', async () => {
      const user = await newUser(store);
      const login = { user, policy: 'devices', instance, secretHash: 's' } as const;
      await store.sessions.issue({ ...login, device: PHONE, label: 'phone 📱' });
      await store.sessions.issue({ ...login, device: LAPTOP, label: '' });
      const found = await store.sessions.find(user.userId);
      assert.deepEqual(
        found.map(({ device, label }) => [device, label]),
        [
          [LAPTOP, ''],
          [PHONE, 'phone 📱'],
        ],
      );
      for (const { seenAt } of found) assert.ok(Math.abs(seenAt - Date.now()) < 60_000);
    });

    test('a login of one device does not affect the other; the newest login of a device wins', async () => {
      const user = await newUser(store);
      const phone = await live(user, PHONE);
      const before = await live(user, LAPTOP);
      const laptop = await live(user, LAPTOP);
      assert.deepEqual(laptop.previous, [place(before)]);
      assert.deepEqual(laptop.others, [place(phone)]);
      assert.deepEqual(await located(user), [LAPTOP, PHONE]);
    });

    test('`cim` and `default` are shared by installations: their second login is refused', async () => {
      const user = await newUser(store);
      const phone = await live(user, PHONE);
      for (const device of [CIM_DEVICE, DEFAULT_DEVICE]) {
        const first = await live(user, device);
        assert.deepEqual(await issue(user, device), { outcome: 'repeat', live: [place(first)] });
      }
      assert.equal((await issue(user, PHONE)).outcome, 'issued');
      assert.ok((await located(user)).includes(phone.device));
    });

    test('are ten at most; a logged-out device, or one by name that has left, makes room', async () => {
      const user = await newUser(store);
      const byName = await live(user, CIM_DEVICE);
      for (let i = 1; i < 10; i++) await live(user, numbered(i));
      assert.deepEqual(await issue(user, numbered(10)), { outcome: 'too-many' });
      await store.sessions.release({ userId: user.userId, device: CIM_DEVICE }, byName.epoch, instance);
      await live(user, numbered(10));
      assert.deepEqual(await issue(user, numbered(11)), { outcome: 'too-many' });
      assert.equal((await issue(user, numbered(10))).outcome, 'issued', 'a device of them may log in again');
      await store.sessions.end(user.userId, { device: numbered(1) });
      assert.equal((await issue(user, numbered(11))).outcome, 'issued');
    });

    test('a lost connection makes no room, since its secret opens a new session', async () => {
      const user = await newUser(store);
      const phone = await live(user, PHONE);
      await store.sessions.release({ userId: user.userId, device: PHONE }, phone.epoch, instance);
      assert.deepEqual(await issue(user, LAPTOP, { maxDevices: 1 }), { outcome: 'too-many' });
      const replace = { user, device: PHONE, label: '', policy: 'replace', one: 'device' } as const;
      const answer = { instance, secretHash: 'new', shownHash: `secret-of-${PHONE}` };
      assert.equal((await store.sessions.issue({ ...replace, ...answer })).outcome, 'issued');
    });

    test('the secret of one device opens no session of another, unless a user has one session', async () => {
      const user = await newUser(store);
      await live(user, PHONE);
      const replace = { user, device: LAPTOP, label: '', policy: 'replace', instance } as const;
      const shown = { secretHash: 'new', shownHash: `secret-of-${PHONE}` };
      const stale = { outcome: 'stale' };
      assert.deepEqual(await store.sessions.issue({ ...replace, ...shown, one: 'device' }), stale);
      assert.equal((await store.sessions.issue({ ...replace, ...shown, one: 'user' })).outcome, 'issued');
    });

    test('under kick the claim of the newest login ends all others, and nothing ends before', async () => {
      const user = await newUser(store);
      const other = await newServer(store);
      const phone = await live(user, PHONE, { policy: 'kick' });
      const epoch = await issued(user, LAPTOP, { policy: 'kick', at: other });
      assert.deepEqual(await located(user), [PHONE]);
      const attempt = { userId: user.userId, instance: other, epoch, claim: newClaim() };
      const answer = await store.sessions.claim(attempt);
      assert.ok(answer.outcome === 'claimed');
      assert.deepEqual([answer.previous, answer.others], [[place(phone)], []]);
      assert.deepEqual(await store.sessions.claim(attempt), answer, 'a repeated claim answers the same');
      assert.deepEqual(await located(user), [LAPTOP]);
      assert.deepEqual(await states(user), { [PHONE]: 'ended', [LAPTOP]: 'live' });
      const [now] = await store.sessions.epochs([{ userId: user.userId, device: PHONE }]);
      assert.ok(now?.state === 'replaced' && now.epoch > phone.epoch);
      const [found] = (await store.sessions.find(user.userId)).filter(({ device }) => device === PHONE);
      assert.deepEqual(found?.secretHashes, ['']);
    });

    test('under kick a login cannot be claimed after a later login of another device', async () => {
      const user = await newUser(store);
      const first = await issued(user, PHONE, { policy: 'kick' });
      const second = await issued(user, LAPTOP, { policy: 'kick' });
      assert.deepEqual(await claim(user, first), { outcome: 'refused' });
      assert.equal((await claim(user, second)).outcome, 'claimed');
    });

    test('under reject a login is refused while any device has a session', async () => {
      const user = await newUser(store);
      const phone = await live(user, PHONE, { policy: 'reject' });
      const repeat = { outcome: 'repeat', live: [place(phone)] };
      assert.deepEqual(await issue(user, LAPTOP, { policy: 'reject' }), repeat);
      await store.sessions.end(user.userId);
      assert.equal((await issue(user, LAPTOP, { policy: 'reject' })).outcome, 'issued');
      assert.deepEqual(await issue(user, PHONE, { policy: 'reject' }), { outcome: 'repeat', live: [] });
    });

    test('a dead server blocks no device and no user', async () => {
      const user = await newUser(store);
      const dead = await newServer(store);
      await live(user, PHONE, { at: dead, policy: 'reject' });
      await store.sessions.closeLease(dead);
      const laptop = await live(user, LAPTOP, { policy: 'reject' });
      assert.deepEqual(laptop.previous, []);
      assert.deepEqual(await located(user), [LAPTOP]);
    });

    test('after a crash of its server each device is moved by itself, or can log in again', async () => {
      const user = await newUser(store);
      const [crashed, next] = [await newServer(store), await newServer(store)];
      const held = [await live(user, PHONE, { at: crashed }), await live(user, LAPTOP, { at: crashed })];
      await store.sessions.closeLease(crashed);
      assert.deepEqual(await located(user), []);
      const again = await live(user, LAPTOP);
      assert.deepEqual([again.previous, again.others.map(({ device }) => device)], [[], [PHONE]]);
      const sessions = held.map((of) => ({ ...user, device: of.device, epoch: of.epoch }));
      assert.deepEqual(await store.sessions.reclaim(sessions, next), [true, false]);
      const places = await store.sessions.locate(user.userId);
      assert.deepEqual(
        places.map(({ device, instance: at }) => [device, at]).sort(),
        [
          [LAPTOP, instance],
          [PHONE, next],
        ].sort(),
      );
    });

    test('a user is online until the last device has left, and is listed once', async () => {
      const user = await newUser(store);
      const at = await newServer(store);
      const [phone, laptop] = [await live(user, PHONE, { at }), await live(user, LAPTOP, { at })];
      assert.deepEqual(await store.sessions.online(at), [user]);
      await store.sessions.release({ userId: user.userId, device: PHONE }, phone.epoch, at);
      assert.deepEqual(await store.sessions.online(at), [user]);
      await store.sessions.release({ userId: user.userId, device: LAPTOP }, laptop.epoch, at);
      assert.deepEqual(await store.sessions.online(at), []);
      assert.deepEqual(await states(user), { [PHONE]: 'ended', [LAPTOP]: 'ended' });
    });

    test('end takes one device, by its id or its secret, or all', async () => {
      const user = await newUser(store);
      const [phone, laptop, cim] = [
        await live(user, PHONE),
        await live(user, LAPTOP),
        await live(user, CIM_DEVICE),
      ];
      const { userId } = user;
      assert.deepEqual(await store.sessions.end(userId, { device: numbered(1) }), []);
      assert.deepEqual(await store.sessions.end(userId, { secretHash: `secret-of-${PHONE}` }), [
        place(phone),
      ]);
      assert.deepEqual(await located(user), [CIM_DEVICE, LAPTOP]);
      assert.deepEqual(await store.sessions.end(userId, { device: LAPTOP }), [place(laptop)]);
      assert.deepEqual(await located(user), [CIM_DEVICE]);
      const again = await live(user, PHONE);
      const ended = await store.sessions.end(userId);
      assert.deepEqual(ended.map(({ device }) => device).sort(), [CIM_DEVICE, PHONE]);
      assert.ok(
        ended.some(({ epoch }) => epoch === again.epoch) && ended.some((at) => at.epoch === cim.epoch),
      );
      assert.deepEqual([await located(user), await store.sessions.end(userId)], [[], []]);
    });

    test('a user has 64 records at most: the oldest ended ones are removed first', async () => {
      const user = await newUser(store);
      const kept = await live(user, PHONE, { policy: 'devices', maxDevices: 100 });
      for (let i = 0; i < 70; i++) {
        await issued(user, numbered(i), { maxDevices: 100 });
        await store.sessions.end(user.userId, { device: numbered(i) });
      }
      const found = await store.sessions.find(user.userId);
      assert.ok(found.length <= 64, `${found.length} records`);
      assert.ok(found.some(({ device, epoch }) => device === PHONE && epoch === kept.epoch));
      assert.ok(found.some(({ device }) => device === numbered(69)));
    });

    describe('cursors', () => {
      async function withMessages(count: number) {
        const { sends, to, inbox } = await newPair(store);
        for (let i = 1; i <= count; i++) await appendOk(store, sends.item(i));
        const cursorAt = (seq: number) => ({
          seq: seq as Seq,
          id: messageId(sends.sender.userId, sends.producer, seq),
        });
        const ack = (of: SessionAt, seq: number, epoch = of.epoch): Promise<void> =>
          store.streams.ack([
            { user: to.userId, device: of.device, epoch, stream: inbox, cursor: cursorAt(seq) },
          ]);
        const cursors = async (...devices: DeviceId[]): Promise<(number | undefined)[]> => [
          ...(await Promise.all(
            devices.map(async (device) => (await store.streams.cursor(to.userId, device, inbox))?.seq),
          )),
          (await store.streams.highestCursor(to.userId, inbox))?.seq,
        ];
        return { to, ack, cursors, cursorAt, inbox };
      }

      test('are separate for each device; the highest is that of the furthest device', async () => {
        const { to, ack, cursors, cursorAt, inbox } = await withMessages(6);
        const [phone, laptop] = [await live(to, PHONE), await live(to, LAPTOP)];
        assert.deepEqual(await cursors(PHONE, LAPTOP), [undefined, undefined, undefined]);
        await ack(phone, 3);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [3, undefined, 3]);
        await ack(laptop, 2);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [3, 2, 3]);
        await ack(laptop, 5);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [3, 5, 5]);
        await ack(phone, 2);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [3, 5, 5], 'never back');
        await ack(phone, 5);
        await ack(laptop, 6);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [5, 6, 6]);
        await ack(phone, 6);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [6, 6, 6]);
        assert.deepEqual(await store.streams.cursor(to.userId, PHONE, inbox), cursorAt(6));
        assert.deepEqual(await store.streams.highestCursor(to.userId, inbox), cursorAt(6));
      });

      test('of a group are separate for each device, too', async () => {
        const { to } = await withMessages(0);
        const lobby = groupStream(LOBBY);
        const [phone, laptop] = [await live(to, PHONE), await live(to, LAPTOP)];
        const { sends } = await newPair(store);
        const shared = { ...sends.item(1), stream: lobby };
        const seq = await appendOk(store, shared);
        const id = messageId(sends.sender.userId, sends.producer, 1);
        const { userId: user } = to;
        const ack = { user, stream: lobby, cursor: { seq, id } };
        await store.streams.ack([{ ...ack, device: PHONE, epoch: phone.epoch }]);
        assert.equal((await store.streams.cursor(user, PHONE, lobby))?.seq, seq);
        assert.equal(await store.streams.cursor(user, LAPTOP, lobby), undefined);
        await store.streams.ack([{ ...ack, device: LAPTOP, epoch: laptop.epoch }]);
        assert.equal((await store.streams.cursor(user, LAPTOP, lobby))?.seq, seq);
      });

      test('are fenced by each device’s epoch: a logged-out or replaced session moves nothing', async () => {
        const { to, ack, cursors } = await withMessages(6);
        const [phone, laptop] = [await live(to, PHONE), await live(to, LAPTOP)];
        await ack(phone, 1);
        await ack(laptop, 1);
        await ack(phone, 4, laptop.epoch);
        await ack(laptop, 4, phone.epoch);
        await ack({ ...phone, device: numbered(1) }, 4);
        assert.deepEqual(await cursors(PHONE, LAPTOP, numbered(1)), [1, 1, undefined, 1]);
        await store.sessions.end(to.userId, { device: PHONE });
        await ack(phone, 2);
        await ack(laptop, 3);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [1, 3, 3]);
        const kicking = await live(to, numbered(2), { policy: 'kick' });
        await ack(laptop, 5);
        assert.deepEqual(await cursors(PHONE, LAPTOP), [1, 3, 3]);
        await ack(kicking, 6);
        assert.deepEqual(await cursors(LAPTOP, numbered(2)), [3, 6, 6]);
      });

      test('survive a restart, and those of a device are removed with its record', async () => {
        const { to, ack, cursors } = await withMessages(3);
        const first = await live(to, numbered(0), { maxDevices: 100 });
        await ack(first, 1);
        const last = await live(to, PHONE, { maxDevices: 100 });
        await ack(last, 2);
        assert.deepEqual(await cursors(numbered(0), PHONE), [1, 2, 2]);
        store = await opened.reopen();
        instance = await newServer(store);
        assert.deepEqual(await cursors(numbered(0), PHONE), [1, 2, 2]);
        for (let i = 0; i < 70; i++) {
          await store.sessions.end(to.userId, { device: numbered(i) });
          await issued(to, numbered(i + 1), { maxDevices: 100 });
        }
        await ack(await live(to, PHONE, { maxDevices: 100 }), 3);
        assert.deepEqual(await cursors(numbered(0), PHONE), [undefined, 3, 3]);
        assert.equal((await store.streams.highestCursor(to.userId, inboxOf(to.userId)))?.seq, 3);
      });
    });
  });
}
