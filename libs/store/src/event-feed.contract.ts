import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  CIM_DEVICE,
  type DeviceId,
  type Epoch,
  groupStream,
  inboxOf,
  LOBBY,
  type MessageId,
  type Seq,
  streamName,
  type StreamRef,
} from '@cim/protocol';
import { until } from '@cim/testkit';
import {
  append,
  appendOk,
  logIn,
  newClaim,
  newGroup,
  newPair,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
  Sends,
} from '../test/contract-fixture.ts';
import { feedEnds, type FeedPositions, readEvents, readFeed } from '../test/feed.ts';
import { plain } from '../test/stored.ts';
import { userSubject } from './bans.ts';
import type { FeedKind, FeedPartition } from './event-feed.ts';
import type { Store } from './store.ts';
import { messageIdOf, RETENTION } from './streams.ts';

const newRelay = (): string => `relay-${randomBytes(9).toString('base64url')}`;
const LEASE_MS = 60_000;

export function eventFeedContract(open: OpenStore): void {
  describe('the feed of events', () => {
    let opened: OpenedStore;
    let store: Store;
    let revision = Date.now();
    const recordKinds = (...kinds: FeedKind[]) => store.feed.record({ revision: revision++, kinds });
    const record = (on: boolean, most?: number) =>
      store.feed.record({ revision: revision++, kinds: on ? ['messages'] : [], most });
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    /** Seqs of a stream in the feed since these positions, in the order of the feed. */
    const seqsOf = async (stream: StreamRef, since: FeedPositions): Promise<number[]> =>
      (await readFeed(store.feed, since)).flatMap((one) =>
        streamName(one.stream) === streamName(stream) ? [one.entry.seq] : [],
      );
    /** Finds the partition of a stream by adding one record to it. */
    const partitionOf = async (sends: Sends, counter: number): Promise<FeedPartition> => {
      const ends = await feedEnds(store.feed);
      await appendOk(store, sends.item(counter));
      const now = await feedEnds(store.feed);
      const found = store.feed.partitions.find((one) => now.get(one) !== ends.get(one));
      assert.ok(found !== undefined);
      return found;
    };

    test('records nothing while it is off', async () => {
      await record(false);
      const ends = await feedEnds(store.feed);
      const { sends } = await newPair(store);
      await appendOk(store, sends.item(1));
      assert.deepEqual(await readFeed(store.feed, ends), []);
    });

    test('each entry that is stored comes into it once, as the log has it; a copy does not', async () => {
      await record(true);
      const ends = await feedEnds(store.feed);
      const { sends, to, inbox } = await newPair(store);
      const group = await newGroup(store, sends.sender, to);
      const toGroup = new Sends(group, to);
      const lobby = new Sends(groupStream(LOBBY), to);
      await Promise.all(
        [1, 2, 3].flatMap((n) => [sends, toGroup, lobby].map((one) => appendOk(store, one.item(n)))),
      );
      await appendOk(store, {
        ...toGroup.item(4),
        operation: { kind: 'leave' },
        silent: true,
        content: Buffer.alloc(40_000, '\0\xff'),
      });
      const records = await readFeed(store.feed, ends);
      for (const stream of [inbox, group]) {
        const logged = await store.streams.read(stream, 1 as never, 100);
        const recorded = records.filter((one) => streamName(one.stream) === streamName(stream));
        assert.deepEqual(
          recorded.map(({ entry }) => plain(entry)),
          logged.map(plain),
        );
      }
      assert.equal(records.filter((one) => streamName(one.stream) === streamName(lobby.stream)).length, 3);
      assert.deepEqual(await seqsOf(inboxOf(sends.sender.userId), ends), []);
      // Positions have no gaps.
      for (const partition of store.feed.partitions) {
        const after = ends.get(partition) ?? 0;
        const [found = []] = await store.feed.read([{ partition, after }], 1_000);
        assert.deepEqual(
          found.map(({ position }) => position),
          found.map((_, i) => after + i + 1),
        );
      }
    });

    test('refused, skipped and repeated sends are not recorded', async () => {
      await record(true);
      const { sends, to, inbox } = await newPair(store);
      const group = await newGroup(store, to);
      await appendOk(store, sends.item(1));
      const ends = await feedEnds(store.feed);
      const stranger = new Sends(group, sends.sender);
      await store.blocks.block(to.userId, (await newUser(store)).userId);
      for (const item of [
        sends.item(1),
        sends.item(1, Buffer.from('other'), 'other'),
        sends.item(3),
        stranger.item(1),
      ])
        assert.notEqual((await append(store, item)).outcome, 'ok');
      assert.deepEqual(await readFeed(store.feed, ends), []);
      await appendOk(store, sends.item(2));
      assert.deepEqual(await seqsOf(inbox, ends), [2]);
    });

    test('what a user has received is recorded once, with the acks, when there is something of others', async () => {
      const { sends, to, inbox } = await newPair(store);
      const { userId } = to;
      const [epoch, phoneAt] = [await logIn(store, to, await newServer(store)), await newServer(store)];
      const login = { user: to, device: 'a-phone-of-this-test' as DeviceId, label: '', instance: phoneAt };
      const issued = await store.sessions.issue({ ...login, policy: 'devices', secretHash: '' });
      assert.ok(issued.outcome === 'issued');
      await store.sessions.claim({ userId, instance: phoneAt, epoch: issued.epoch, claim: newClaim() });
      const back = new Sends(inboxOf(sends.sender.userId), to);
      const ack = async (seq: number, device: DeviceId = CIM_DEVICE, at = epoch): Promise<void> => {
        const entry = await store.streams.peek(inbox, seq as Seq);
        const id = entry === undefined ? '' : messageIdOf(entry);
        const cursor = { seq: seq as Seq, id: id as MessageId };
        await store.streams.ack([{ user: userId, device, epoch: at, stream: inbox, cursor }]);
      };
      await recordKinds('messages');
      for (const n of [1, 2]) await appendOk(store, sends.item(n));
      const ends = await feedEnds(store.feed);
      await ack(1);
      assert.deepEqual(await readEvents(store.feed, ends), [], 'nobody wants them');
      await recordKinds('deliveries');
      const since = await feedEnds(store.feed);
      // A copy of what the user says itself, and then something of the other again.
      await appendOk(store, back.item(1));
      await ack(2);
      await ack(2, login.device, issued.epoch);
      await ack(3);
      for (const n of [3, 4]) await appendOk(store, sends.item(n));
      await ack(5);
      await ack(4, login.device, issued.epoch);
      await ack(4);
      await ack(5, CIM_DEVICE, (epoch - 1) as Epoch);
      const events = await readEvents(store.feed, since);
      assert.deepEqual(
        events.map(({ at, ...event }) => [event, typeof at]),
        [
          [{ kind: 'delivered', user: userId, first: 2, last: 2 }, 'number'],
          [{ kind: 'delivered', user: userId, first: 4, last: 5 }, 'number'],
        ],
      );
      assert.deepEqual(await readFeed(store.feed, since), [], 'messages are not wanted');
      await record(false);
    });

    test('a ban and its end by an operator are recorded, and what changes nothing is not', async () => {
      const subject = userSubject((await newUser(store)).userId);
      const none = userSubject((await newUser(store)).userId);
      const address = 'address:2001:db8:0:0::/64';
      await recordKinds('messages');
      const ends = await feedEnds(store.feed);
      await store.bans.ban(none, 60_000, 'nobody wants it');
      assert.deepEqual(await readEvents(store.feed, ends), []);
      await recordKinds('bans');
      const since = await feedEnds(store.feed);
      await store.bans.suspend(subject, 'too many "requests" /\u00fc');
      await store.bans.suspend(subject, 'again');
      await store.bans.asked(subject);
      await store.bans.unban(subject);
      await store.bans.unban(subject);
      const begun = Date.now();
      await store.bans.ban(address, 3_600_000, 'spam');
      const [first, second, third, ...rest] = await readEvents(store.feed, since);
      assert.ok(first?.kind === 'banned' && third?.kind === 'banned');
      assert.deepEqual(
        [first.subject, first.step, first.reason],
        [subject, 1, 'too many "requests" /\u00fc'],
      );
      assert.ok(first.until > first.at);
      assert.deepEqual([second?.kind, second?.kind === 'unbanned' && second.subject], ['unbanned', subject]);
      assert.deepEqual([third.subject, third.step, third.reason], [address, 0, 'spam']);
      assert.equal(third.until - third.at, 3_600_000);
      assert.ok(Math.abs(third.at - begun) < 60_000);
      assert.deepEqual(rest, []);
      for (const banned of [none, address] as const) await store.bans.unban(banned);
      await record(false);
    });

    test('an older wish changes nothing; a newer one turns it off', async () => {
      await record(true);
      const { sends, inbox } = await newPair(store);
      const ends = await feedEnds(store.feed);
      await store.feed.record({ revision: 1, kinds: [] });
      await appendOk(store, sends.item(1));
      assert.deepEqual(await seqsOf(inbox, ends), [1]);
      await record(false);
      await appendOk(store, sends.item(2));
      assert.deepEqual(await seqsOf(inbox, ends), [1]);
    });

    test('a store that opens the data later goes on with it', async () => {
      await record(true);
      const { sends, inbox } = await newPair(store);
      const ends = await feedEnds(store.feed);
      await appendOk(store, sends.item(1));
      store = await opened.reopen();
      await appendOk(store, sends.item(2));
      assert.deepEqual(await seqsOf(inbox, ends), [1, 2]);
    });

    test('only the relay that has a partition moves its cursors, writes its letters and trims it', async () => {
      await record(true);
      const { sends, inbox } = await newPair(store);
      const ends = await feedEnds(store.feed);
      const partition = await partitionOf(sends, 1);
      const at = (ends.get(partition) ?? 0) + 1;
      await appendOk(store, sends.item(2));
      const [relay, other] = [newRelay(), newRelay()];
      const [state] = await store.feed.take([partition], relay, LEASE_MS);
      assert.ok(state !== undefined);
      assert.deepEqual(await store.feed.take([partition], other, LEASE_MS), [undefined]);
      assert.deepEqual(await store.feed.renew([partition], other, LEASE_MS), [undefined]);
      assert.deepEqual(await store.feed.renew([partition], relay, LEASE_MS), [state.look]);
      const progress = {
        cursors: new Map([['hook-1', at]]),
        letters: new Map([
          ['hook-1 9', '{"a":"ü"}'],
          ['hook-2 7', 'x'],
        ]),
        trimTo: at,
      };
      assert.equal(await store.feed.commit(partition, other, progress), false);
      assert.deepEqual(await seqsOf(inbox, ends), [1, 2]);
      assert.equal(await store.feed.commit(partition, relay, progress), true);
      assert.deepEqual(await seqsOf(inbox, ends), [2]);

      await store.feed.release([partition], other);
      assert.deepEqual(await store.feed.take([partition], other, LEASE_MS), [undefined]);
      await store.feed.release([partition], relay);
      const [taken] = await store.feed.take([partition], other, LEASE_MS);
      assert.equal(taken?.cursors.get('hook-1'), at);
      assert.equal(taken.letters.get('hook-1 9'), '{"a":"ü"}');
      assert.equal(await store.feed.commit(partition, relay, progress), false);
      const gone = {
        cursors: new Map([['hook-1', undefined]]),
        letters: new Map([['hook-1 9', undefined]]),
      };
      assert.equal(await store.feed.commit(partition, other, gone), true);
      const [left] = await store.feed.take([partition], other, LEASE_MS);
      assert.equal(left?.cursors.get('hook-1'), undefined);
      assert.equal(left?.letters.get('hook-1 9'), undefined);
      assert.equal(left?.letters.get('hook-2 7'), 'x');
      await store.feed.release([partition], other);
    });

    test('a partition whose relay does not renew its lease can be taken by another relay', async () => {
      const [relay, other] = [newRelay(), newRelay()];
      const [partition] = store.feed.partitions;
      assert.ok(partition !== undefined);
      assert.ok((await store.feed.take([partition], relay, 50))[0] !== undefined);
      await until(
        'it is taken',
        async () => (await store.feed.take([partition], other, LEASE_MS))[0] !== undefined,
      );
      assert.deepEqual(await store.feed.renew([partition], relay, LEASE_MS), [undefined]);
      assert.equal(await store.feed.commit(partition, relay, { trimTo: 1 }), false);
      await store.feed.release([partition], other);
    });

    test('live relays are known until they leave or fall silent', async () => {
      const [relay, other, brief] = [newRelay(), newRelay(), newRelay()];
      await store.feed.announce(brief, 1);
      await store.feed.announce(relay, LEASE_MS);
      await until('the brief one is gone', async () => {
        const live = await store.feed.announce(other, LEASE_MS);
        assert.ok(live.includes(relay) && live.includes(other));
        return !live.includes(brief);
      });
      await store.feed.withdraw(relay);
      assert.ok(!(await store.feed.announce(other, LEASE_MS)).includes(relay));
      await store.feed.withdraw(other);
    });

    test('others can list, change and remove a letter, and its relay notices that', async () => {
      const relay = newRelay();
      const partition = store.feed.partitions.at(-1);
      assert.ok(partition !== undefined);
      const [state] = await store.feed.take([partition], relay, LEASE_MS);
      assert.ok(state !== undefined);
      const name = `${relay} 1`;
      await store.feed.commit(partition, relay, { letters: new Map([[name, 'dead']]) });
      assert.deepEqual(await store.feed.letters(relay), [{ partition, name, text: 'dead' }]);
      assert.equal(await store.feed.changeLetter(partition, name, 'other', 'again'), false);
      assert.deepEqual(await store.feed.renew([partition], relay, LEASE_MS), [state.look]);
      assert.equal(await store.feed.changeLetter(partition, name, 'dead', 'again'), true);
      const [look] = await store.feed.renew([partition], relay, LEASE_MS);
      assert.notEqual(look, state.look);
      const [now] = await store.feed.take([partition], relay, LEASE_MS);
      assert.equal(now?.letters.get(name), 'again');
      assert.equal(now.look, look);
      assert.equal(await store.feed.changeLetter(partition, name, 'again', undefined), true);
      assert.deepEqual(await store.feed.letters(relay), []);
      await store.feed.release([partition], relay);
    });

    test('the oldest records are removed above the limit, and a reader sees how many it has missed', async () => {
      await record(true, 1);
      const owner = await newUser(store);
      const sends = new Sends(await newGroup(store, owner), owner);
      const partition = await partitionOf(sends, 1);
      const [begin] = await store.feed.read([{ partition, after: 0 }], 1);
      const from = begin?.[0]?.position ?? 0;
      // Redis trims whole nodes of 100 entries. The embedded store keeps as many records as 256 partitions
      // would.
      for (let n = 2; n <= 600; n += 50)
        await Promise.all(Array.from({ length: 50 }, (_, i) => appendOk(store, sends.item(n + i))));
      const [left = []] = await store.feed.read([{ partition, after: 0 }], 1_000);
      assert.ok((left[0]?.position ?? 0) > from + 100, `from ${left[0]?.position}`);
      assert.ok(left.length >= 1 && left.length <= 300, `${left.length} are left`);
      await record(false, RETENTION.maxEntries);
    });
  });
}
