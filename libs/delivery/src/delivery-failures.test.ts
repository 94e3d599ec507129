/**
 * The state that failed pushes leave behind, with a real store, real calls, and im-servers that are away or
 * answer `gone`.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { type Membership, openEmbeddedMembership } from '@cim/discovery';
import {
  CIM_DEVICE,
  DEFAULT_DEVICE,
  type Epoch,
  type GroupId,
  groupStream,
  LOBBY,
  type StreamRef,
  cim,
  inboxOf,
  type InstanceId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
} from '@cim/protocol';
import { RPC, RpcClient, RpcServer } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore, type Store } from '@cim/store';
import { freePorts, quietDoorbell, until } from '@cim/testkit';
import type { DeliveredNotice } from './doorbell.ts';
import { doorbellHandlers } from './doorbell-rpc.ts';
import { createMessaging, type Messaging } from './messaging.ts';
import type { SendReceipt } from './send-request.ts';
import type { Signal } from './signal.ts';

const SECRET = 's';
const logger = silentLogger();
const content = cim.Content.encode({ texts: ['hi'] }).finish();

describe('a message', () => {
  const wheel = new TimingWheel({ tickMs: 20 });
  const flusher = new TurnFlusher();
  const rpc = new RpcClient({ secret: SECRET, flusher, wheel, logger });
  let dir: string;
  let store: Store;
  let membership: Membership;
  let messaging: Messaging;
  let alice: NamedUser;
  let bob: NamedUser;
  let counter = 0;
  let names = 0;
  let instance: InstanceId;

  const register = async (): Promise<NamedUser> => {
    const name = parseUserName(`user-${++names}`);
    assert.ok(name.ok);
    return (await store.accounts.register(name.name)).account;
  };
  /** Makes bob live at `instance`. An im-server may or may not listen at that port. */
  const place = async (httpPort: number): Promise<void> => {
    instance = `instance-${++names}` as InstanceId;
    await store.sessions.openLease(instance);
    const issued = await store.sessions.issue({
      user: bob,
      device: CIM_DEVICE,
      label: '',
      instance,
      policy: 'kick',
      secretHash: '',
    });
    assert.ok(issued.outcome === 'issued');
    await store.sessions.claim({ userId: bob.userId, instance, epoch: issued.epoch, claim: `c${names}` });
    await membership.announce({
      ...{ instance, host: '127.0.0.1', tcpPort: 1, httpPort, version: '0', startedAt: 0 },
    });
  };
  const send = (): Promise<SendReceipt> =>
    new Promise((resolve) =>
      messaging.sends.send(
        {
          ...{ door: 'tcp', actor: alice, to: inboxOf(bob.userId), content },
          producer: 'P'.repeat(16) as ProducerId,
          counter: ++counter,
          origin: {},
        },
        resolve,
      ),
    );

  before(async () => {
    wheel.start();
    dir = await mkdtemp(join(tmpdir(), 'cim-delivery-'));
    store = await openEmbeddedStore({ dir, logger });
    alice = await register();
  });
  beforeEach(async () => {
    membership = openEmbeddedMembership();
    await membership.start();
    messaging = createMessaging({ store, membership, rpc, logger });
    bob = await register();
    counter = 0;
  });
  after(async () => {
    await rpc.stop();
    wheel.stop();
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('notes a stream for its im-server before the sender is answered, when that cannot be reached', async () => {
    const [nobody = 0] = await freePorts(1);
    await place(nobody);
    const receipt = await send();
    assert.ok(receipt.outcome === 'stored' && receipt.online);
    assert.deepEqual(await store.streams.takeDirty(instance), [inboxOf(bob.userId)]);
    assert.deepEqual(await store.streams.takeDirty(instance), []);
  });

  describe('with a store that answers appends and nothing else', () => {
    let answers: boolean;
    let failing: Store;

    beforeEach(() => {
      answers = false;
      const away =
        <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
        (...args: A): Promise<R> =>
          answers ? act(...args) : Promise.reject(new Error('no answer'));
      const sessions = Object.create(store.sessions) as Store['sessions'];
      sessions.locate = away((user) => store.sessions.locate(user));
      const streams = Object.create(store.streams) as Store['streams'];
      streams.append = (item, done) => store.streams.append(item, done);
      streams.markDirty = away((at, stream) => store.streams.markDirty(at, stream));
      failing = { ...store, sessions, streams };
    });
    const noted = async (): Promise<void> =>
      until('the stream is noted', async () => (await store.streams.takeDirty(instance)).length === 1, 5_000);

    test('rings every im-server, and the one that holds the recipient takes the entry', async () => {
      const [nobody = 0] = await freePorts(1);
      await place(nobody);
      messaging = createMessaging({ store: failing, membership, rpc, logger });
      const rung: string[] = [];
      const here = 'instance-of-here' as InstanceId;
      const deliver = (user: number) => (rung.push(String(user)), 'taken' as const);
      messaging.serve(quietDoorbell(here, { deliver }));
      const receipt = await send();
      assert.ok(receipt.outcome === 'stored' && receipt.online === true);
      assert.deepEqual(rung, [String(bob.userId)]);
    });

    test('is not sure whether the recipient is online, and notes the stream when the store answers again', async () => {
      const [nobody = 0] = await freePorts(1);
      await place(nobody);
      messaging = createMessaging({ store: failing, membership, rpc, logger });
      const receipt = await send();
      assert.ok(receipt.outcome === 'stored' && receipt.online === 'unknown');
      assert.deepEqual(await store.streams.takeDirty(instance), []);
      answers = true;
      await noted();
    });

    test('finds the recipient then, also at an im-server that is not listed', async () => {
      await place(1);
      await membership.withdraw();
      messaging = createMessaging({ store: failing, membership, rpc, logger });
      const receipt = await send();
      assert.ok(receipt.outcome === 'stored' && receipt.online === 'unknown');
      answers = true;
      await noted();
    });

    test('makes up for a note that the store did not take', async () => {
      const [nobody = 0] = await freePorts(1);
      await place(nobody);
      failing.sessions.locate = (user) => store.sessions.locate(user);
      messaging = createMessaging({ store: failing, membership, rpc, logger });
      assert.equal((await send()).outcome, 'stored');
      assert.deepEqual(await store.streams.takeDirty(instance), []);
      answers = true;
      await noted();
    });
  });

  describe('with an im-server that answers', () => {
    let http: Server;
    let server: RpcServer;
    let answers: ('taken' | 'gone')[];
    const heard: DeliveredNotice[] = [];
    const told: unknown[] = [];
    let delivered = 0;
    let calls = 0;

    before(async () => {
      http = createServer();
      const handlers = new Map(
        doorbellHandlers(
          quietDoorbell('elsewhere' as InstanceId, {
            deliver: () => {
              delivered++;
              return answers.shift() ?? 'taken';
            },
            holds: (user) => user === alice.userId,
            delivered: (notices) => void heard.push(...notices),
            signal: (users, signal) => void told.push([users, signal]),
            signalGroup: (group, signal) => void told.push([group, signal]),
            groupsChanged: (users) => void told.push(['groups', users]),
            kick: (user, upTo, reason, device) => void told.push([user, upTo, reason, device]),
          }),
        ),
      );
      const deliver = handlers.get(RPC.deliver);
      assert.ok(deliver);
      handlers.set(RPC.deliver, (payload) => {
        calls++;
        return deliver(payload);
      });
      server = new RpcServer({
        secret: SECRET,
        address: () => ({ host: '127.0.0.1', httpPort: (http.address() as AddressInfo).port }),
        flusher,
        wheel,
        logger,
        handlers,
      });
      server.attach(http);
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    });
    beforeEach(async () => {
      answers = [];
      delivered = 0;
      calls = 0;
      await place((http.address() as AddressInfo).port);
    });
    after(async () => {
      await server.stop();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    });

    test('delivers once, and notes nothing', async () => {
      assert.equal((await send()).outcome, 'stored');
      await until('it is delivered', () => delivered === 1);
      assert.deepEqual(await store.streams.takeDirty(instance), []);
    });

    test('delivers in few calls what is sent at once, and again only what said gone', async () => {
      await send(); // opens the connection and makes the location known
      answers = ['taken', 'gone', 'taken'];
      const receipts = await Promise.all(Array.from({ length: 50 }, send));
      assert.ok(receipts.every(({ outcome }) => outcome === 'stored'));
      await until('all are delivered, one of them again', () => delivered === 52);
      assert.ok(calls <= 10, `${calls} calls`);
      assert.deepEqual(await store.streams.takeDirty(instance), []);
    });

    test('delivers again to one that says gone, then notes the stream', async () => {
      answers = ['gone', 'gone'];
      await send();
      await until('it was tried twice', () => delivered === 2);
      await until('the stream is noted', async () => (await store.streams.takeDirty(instance)).length === 1);
    });

    test('asks the im-server itself whether it holds a session; one that is not there knows nothing', async () => {
      const ask = (user: NamedUser, at: InstanceId): Promise<string> =>
        new Promise((resolve) => messaging.calls.holds(user.userId, undefined, at, resolve));
      assert.equal(await ask(alice, instance), 'yes');
      assert.equal(await ask(bob, instance), 'no');
      assert.equal(await ask(alice, 'nobody-16-chars.' as InstanceId), 'unknown');
    });

    test('receives signals, changed groups and the kick of a device, each with all its fields', async () => {
      const { calls } = messaging;
      told.length = 0;
      const sender = { userId: alice.userId, userName: alice.userName };
      const group = '17' as GroupId;
      const signals: Signal[] = [
        { kind: 'typing', sender, to: inboxOf(bob.userId) },
        { kind: 'read', sender, to: inboxOf(bob.userId), n: 7 },
        { kind: 'device', device: DEFAULT_DEVICE, label: 'phone' },
        { kind: 'unsent', id: 'an-id' as ProducerId, code: '9501', text: 'blocked' },
      ];
      for (const signal of signals) calls.signal([bob.userId, alice.userId], signal);
      const inGroup: Signal = { kind: 'typing', sender, to: groupStream(group) };
      calls.signalGroup(group, inGroup);
      calls.groupsChanged([bob.userId]);
      await until('all is told', () => told.length === 6);
      calls.kick(bob.userId, { instance, device: DEFAULT_DEVICE, epoch: 9 as Epoch }, 'superseded');
      await until('the kick is told', () => told.length === 7);
      assert.deepEqual(
        new Set(told.map((one) => JSON.stringify(one))),
        new Set(
          [
            ...signals.map((signal) => [[bob.userId], signal]),
            [group, inGroup],
            ['groups', [bob.userId]],
            [bob.userId, 9, 'superseded', DEFAULT_DEVICE],
          ].map((one) => JSON.stringify(one)),
        ),
      );
    });

    test('typing is passed on once a second for each sender and conversation, and never in the lobby', async () => {
      const { calls } = messaging;
      told.length = 0;
      const sender = { userId: alice.userId, userName: alice.userName };
      const types = (to: StreamRef): void => calls.signal([bob.userId], { kind: 'typing', sender, to });
      for (let i = 0; i < 5; i++) types(inboxOf(bob.userId));
      calls.signalGroup(LOBBY, { kind: 'typing', sender, to: groupStream(LOBBY) });
      types(groupStream('17' as GroupId));
      await until('both are told', () => told.length >= 2);
      // Calls are answered in order, so anything else would have arrived before the answer to this one.
      await new Promise((resolve) => calls.holds(alice.userId, undefined, instance, resolve));
      assert.equal(told.length, 2);
    });

    test('tells senders on every im-server how far their messages came, with the highest seq of a turn', async () => {
      const notice = (to: NamedUser, seq: number) => ({ sender: bob.userId, to: to.userId, seq: seq as Seq });
      messaging.calls.delivered(notice(alice, 3), instance);
      messaging.calls.delivered(notice(alice, 5), undefined);
      messaging.calls.delivered(notice(alice, 4), instance);
      await until('the furthest is told', () => heard.some(({ seq }) => seq === 5));
      assert.ok(!heard.some(({ seq }) => seq === 3));
    });
  });
});
