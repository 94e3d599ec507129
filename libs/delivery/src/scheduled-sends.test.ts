/**
 * Sends scheduled messages with processes that die at every step. Each message is stored once, or refused and
 * listed.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { openEmbeddedMembership } from '@cim/discovery';
import {
  cim,
  CODES,
  decodeContent,
  inboxOf,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { createLogger, silentLogger } from '@cim/runtime';
import {
  type ClaimedMessage,
  type ListedMessage,
  openEmbeddedStore,
  openRedisStore,
  SCHEDULE,
  type Store,
} from '@cim/store';
import { RedisProcess, until } from '@cim/testkit';
import * as fc from 'fast-check';
import { createMessaging, type Messaging } from './messaging.ts';
import { ScheduledSends } from './scheduled-sends.ts';
import type { SendReceipt, SendRequest } from './send-request.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const logger = silentLogger();
const rpc = new RpcClient({ secret: 's', flusher: new TurnFlusher(), wheel: new TimingWheel(), logger });
const membership = openEmbeddedMembership();
after(() => rpc.stop());

/**
 * When a process dies. `claimed`: before it sends anything; `stored`: before it notes that a message was
 * sent; `settled`: after that. `paused`: it stands still before it sends, until the test wakes it.
 */
type Fate = 'lives' | 'claimed' | 'stored' | 'settled' | 'paused';

for (const engine of ['LevelDB', 'Redis'] as const)
  describe(`scheduled sends on ${engine}`, { concurrency: false }, () => {
    let dir: string;
    let redis: RedisProcess | undefined;
    let store: Store;
    let messaging: Messaging;
    let skewMs = 0;
    let alice: NamedUser;
    let bob: NamedUser;
    let carol: NamedUser;
    /** Functions that wake paused processes. */
    const wake: (() => void)[] = [];
    let told: string[];
    let names = 0;
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'cim-later-'));
      redis = engine === 'Redis' ? await RedisProcess.start() : undefined;
      const clock = { scheduleSkewMs: () => skewMs };
      store =
        redis === undefined
          ? await openEmbeddedStore({ dir, logger, ...clock })
          : await openRedisStore({ url: redis.url, durability: 'disk', logger, ...clock });
      messaging = createMessaging({ store, membership, rpc, logger });
    });
    after(async () => {
      await store.stop();
      await redis?.[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    });
    const register = async (): Promise<NamedUser> => {
      const parsed = parseUserName(`user-${++names}`);
      assert.ok(parsed.ok);
      return (await store.accounts.register(parsed.name)).account;
    };
    const meet = async (): Promise<void> => {
      [alice, bob, carol] = [await register(), await register(), await register()];
      told = [];
    };
    beforeEach(meet);

    const schedule = (
      text: string,
      to: NamedUser,
      afterMs: number,
      key?: string,
    ): Promise<{ id: ProducerId }> =>
      messaging.scheduling.add({
        actor: alice,
        to: inboxOf(to.userId),
        content: cim.Content.encode({ texts: [text] }).finish(),
        when: { afterMs },
        key,
      });
    const textsOf = async (reader: NamedUser): Promise<string[]> => {
      const entries = await store.streams.read(inboxOf(reader.userId), 1 as Seq, 1_000);
      return entries.map(({ content }) => decodeContent(content)?.texts.join() ?? '');
    };
    const listed = (): Promise<readonly ListedMessage[]> => store.scheduled.list(alice.userId);

    /** Lets a process look once for due messages, until all its claims are settled, or it is dead or paused. */
    const live = async (fate: Fate, receipt?: SendReceipt, suspended = false): Promise<void> => {
      const claimed: ClaimedMessage[] = [];
      const ended = new Set<ProducerId>();
      const dead = new Promise<never>(() => undefined);
      const die = (id: ProducerId): Promise<never> => {
        ended.add(id);
        return dead;
      };
      const settle = async <T>(id: ProducerId, settled: Promise<T>): Promise<T> => {
        const answer = await settled;
        ended.add(id);
        return fate === 'settled' ? dead : answer;
      };
      const process = new ScheduledSends({
        scheduled: {
          count: () => store.scheduled.count(),
          claim: async (limit) => {
            claimed.push(...(await store.scheduled.claim(limit)));
            return claimed;
          },
          sent: (user, id) => (fate === 'stored' ? die(id) : settle(id, store.scheduled.sent(user, id))),
          refuse: (user, id, refusal) =>
            fate === 'stored' ? die(id) : settle(id, store.scheduled.refuse(user, id, refusal)),
        },
        sends: {
          refuse: (request, refusal, done) => messaging.sends.refuse(request, refusal, done),
          send: (request: SendRequest, done) => {
            const go = (): void => messaging.sends.send(request, done);
            const id = request.producer;
            if (fate === 'claimed') void die(id);
            else if (fate === 'paused') {
              ended.add(id);
              wake.push(go);
            } else if (receipt === undefined) go();
            else {
              done(receipt);
              void die(id);
            }
          },
        },
        suspendedMs: () => (suspended ? 1 : 0),
        onRefused: ({ id }, { code }) => void told.push(`${id} ${code}`),
        logger,
      });
      await process.look();
      await until('all that was claimed has ended', () => claimed.every(({ id }) => ended.has(id)));
    };

    test('a message whose process died after it was stored is not stored again', async () => {
      const { id } = await schedule('once', bob, MINUTE);
      skewMs += MINUTE;
      await live('stored');
      assert.deepEqual(await textsOf(bob), ['once']);
      assert.deepEqual([(await listed())[0]?.id, (await listed())[0]?.sending], [id, true]);
      skewMs += SCHEDULE.leaseMs + 1;
      await live('lives');
      assert.deepEqual([await textsOf(bob), await textsOf(alice), await listed()], [['once'], ['once'], []]);
    });

    test('a message that was stored and not settled for longer than its id is remembered is not sent again: its sender is told', async () => {
      await schedule('once', bob, MINUTE);
      skewMs += MINUTE;
      await live('stored');
      skewMs += SCHEDULE.sentMs;
      const process = new ScheduledSends({
        ...{ scheduled: store.scheduled, suspendedMs: () => 0, logger },
        onRefused: ({ id }) => void told.push(id),
        sends: {
          send: () => assert.fail('it is not sent'),
          // A store that has forgotten the id.
          refuse: (_, refusal, done) => done(refusal),
        },
      });
      await process.look();
      await process.stop();
      const [message] = await listed();
      assert.equal(message?.refused?.code, CODES.failure.code);
      assert.match(message.refused.text, /whether it was sent is not known/);
      assert.deepEqual(await textsOf(bob), ['once']);
      assert.equal(told.length, 1);
    });

    test('an id is remembered for as long as a message is tried', async () => {
      await schedule('once', bob, MINUTE);
      skewMs += MINUTE;
      let rememberMs: number | undefined;
      const { sends } = messaging;
      const process = new ScheduledSends({
        ...{ scheduled: store.scheduled, suspendedMs: () => 0, onRefused: () => undefined, logger },
        sends: {
          refuse: () => assert.fail('it is not refused'),
          send: (request, done) => {
            ({ rememberMs } = request);
            sends.send(request, done);
          },
        },
      });
      await process.look();
      await process.stop();
      assert.equal(rememberMs, SCHEDULE.sentMs);
      assert.deepEqual([await textsOf(bob), await listed()], [['once'], []]);
    });

    test('a message that was refused while another process stood still is not stored when that one goes on', async () => {
      const { id } = await schedule('late', bob, MINUTE);
      skewMs += MINUTE;
      await live('paused');
      await store.blocks.block(bob.userId, alice.userId);
      skewMs += SCHEDULE.leaseMs + 1;
      await live('lives');
      assert.deepEqual(told, [`${id} ${CODES.blocked.code}`]);
      await store.blocks.unblock(bob.userId, alice.userId);
      for (const go of wake.splice(0)) go();
      await schedule('after it', bob, 0);
      await live('lives');
      assert.deepEqual([await textsOf(bob), await textsOf(alice)], [['after it'], ['after it']]);
      assert.deepEqual([(await listed())[0]?.refused?.code, told.length], [CODES.blocked.code, 1]);
    });

    test('a message that turns out to be stored is not refused', async () => {
      await schedule('stored', bob, MINUTE);
      skewMs += MINUTE;
      await live('stored');
      skewMs += 11 * MINUTE;
      await live('lives', { outcome: 'retry', code: CODES.inboxShare.code, text: 'unread' });
      await until('it is settled', async () => (await listed()).length === 0);
      assert.deepEqual([await textsOf(bob), told], [['stored'], []]);
    });

    test('a suspended sender is refused, unless the message may be stored already', async () => {
      const { id } = await schedule('before', bob, MINUTE);
      skewMs += MINUTE;
      await live('stored');
      await schedule('after', bob, 0);
      skewMs += SCHEDULE.leaseMs + 1;
      await live('lives', undefined, true);
      assert.deepEqual(await textsOf(bob), ['before']);
      const [message, ...more] = await listed();
      assert.deepEqual([message?.refused?.code, more], [CODES.suspended.code, []]);
      assert.notEqual(message?.id, id);
    });

    test('a message whose store does not answer is tried again, and is not refused', async () => {
      await schedule('later', bob, MINUTE);
      skewMs += MINUTE;
      const retry: SendReceipt = { outcome: 'retry', code: CODES.failure.code, text: '' };
      await live('lives', retry);
      assert.deepEqual([(await listed())[0]?.sending, told], [true, []]);
      skewMs += SCHEDULE.leaseMs + 1;
      await live('lives');
      assert.deepEqual([await textsOf(bob), await listed()], [['later'], []]);
    });

    test('a recipient who reads nothing is waited for ten minutes', async () => {
      await schedule('later', bob, MINUTE);
      skewMs += MINUTE;
      const share: SendReceipt = { outcome: 'retry', code: CODES.inboxShare.code, text: 'unread' };
      await live('lives', share);
      assert.equal((await listed())[0]?.refused, undefined);
      skewMs += 11 * MINUTE;
      const process = live('lives', share);
      await until('it is refused', async () => (await listed())[0]?.refused !== undefined);
      await process;
      assert.deepEqual([(await listed())[0]?.refused?.code, await textsOf(bob)], [CODES.inboxShare.code, []]);
    });

    test('goes on when the store fails, looks when the next message is due, and at its stop waits for running sends', async () => {
      await schedule('now', bob, 0);
      let fails = true;
      const process = new ScheduledSends({
        ...{ sends: messaging.sends, suspendedMs: () => 0, onRefused: () => undefined, logger },
        scheduled: {
          ...{
            sent: store.scheduled.sent.bind(store.scheduled),
            refuse: store.scheduled.refuse.bind(store.scheduled),
          },
          claim: (limit) => store.scheduled.claim(limit),
          count: () => (fails ? Promise.reject(new Error('away')) : store.scheduled.count()),
        },
      });
      assert.equal(await process.look(), 1_000);
      fails = false;
      await schedule('soon', bob, 300);
      const nextMs = await process.look();
      assert.ok(nextMs >= 10 && nextMs <= 300, String(nextMs));
      assert.ok(process.count.waiting >= 2);
      await process.stop();
      assert.deepEqual(await textsOf(bob), ['now']);
    });

    test('with random deaths, pauses, cancels and blocks each message is stored once and not before its time, or is refused and listed', {
      timeout: 120_000,
    }, async () => {
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            does: fc.constant('schedule' as const),
            to: fc.nat(1),
            minutes: fc.nat(5),
            key: fc.option(fc.nat(3)),
          }),
        },
        { weight: 2, arbitrary: fc.record({ does: fc.constant('cancel' as const), which: fc.nat(20) }) },
        {
          weight: 3,
          arbitrary: fc.record({
            does: fc.constant('pass' as const),
            minutes: fc.integer({ min: 1, max: 3 }),
          }),
        },
        { weight: 1, arbitrary: fc.record({ does: fc.constant('block' as const), on: fc.boolean() }) },
        { weight: 1, arbitrary: fc.record({ does: fc.constant('wake' as const) }) },
        {
          weight: 5,
          arbitrary: fc.record({
            does: fc.constant('run' as const),
            fate: fc.constantFrom<Fate>('lives', 'claimed', 'stored', 'settled', 'paused'),
          }),
        },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40, size: 'max' }), async (steps) => {
          await meet();
          const begun = skewMs;
          /**
           * Key: text. Value: when it is due [ms of `skewMs`], and whether it was cancelled before it was
           * refused.
           */
          const model = new Map<
            string,
            { id: ProducerId; to: NamedUser; due: number; cancelled: boolean; dropped: boolean }
          >();
          /** Key: idempotency key. */
          const keyed = new Map<string, string>();
          const wakeAll = (): void => {
            for (const go of wake.splice(0)) go();
          };
          const checkTimes = async (): Promise<void> => {
            for (const text of [...(await textsOf(bob)), ...(await textsOf(carol))])
              assert.ok((model.get(text)?.due ?? Infinity) <= skewMs + 30_000, `${text} came too early`);
          };
          for (const one of steps) {
            switch (one.does) {
              case 'schedule': {
                const to = one.to === 0 ? bob : carol;
                const key = one.key === null ? undefined : `${begun} ${one.key} ${one.to} ${one.minutes}`;
                const before = key === undefined ? undefined : keyed.get(key);
                const text = before ?? `text ${model.size}`;
                const { id } = await schedule(text, to, one.minutes * MINUTE, key);
                if (before === undefined)
                  model.set(text, {
                    id,
                    to,
                    due: skewMs + one.minutes * MINUTE,
                    cancelled: false,
                    dropped: false,
                  });
                assert.equal(id, model.get(text)?.id);
                if (key !== undefined) keyed.set(key, text);
                break;
              }
              case 'cancel': {
                const message = [...model.values()][one.which % Math.max(model.size, 1)];
                if (message === undefined) break;
                const refused = (await listed()).find(({ id }) => id === message.id)?.refused !== undefined;
                if ((await store.scheduled.cancel(alice.userId, message.id)) !== 'cancelled') break;
                if (refused) message.dropped = true;
                else message.cancelled = true;
                break;
              }
              case 'pass':
                skewMs += one.minutes * MINUTE;
                break;
              case 'block':
                await (one.on
                  ? store.blocks.block(carol.userId, alice.userId)
                  : store.blocks.unblock(carol.userId, alice.userId));
                break;
              case 'wake':
                wakeAll();
                break;
              case 'run':
                await live(one.fate);
                await checkTimes();
            }
          }
          wakeAll();
          await until('all is settled', async () => {
            skewMs += MINUTE;
            await live('lives');
            return (await store.scheduled.count()).waiting === 0;
          });
          const refused = new Set((await listed()).map(({ id }) => id));
          const got = [...(await textsOf(bob)), ...(await textsOf(carol))];
          const copies = await textsOf(alice);
          for (const [text, { id, to, cancelled, dropped }] of model) {
            const times = got.filter((one) => one === text).length;
            const wanted = cancelled || dropped || refused.has(id) ? 0 : 1;
            assert.equal(times, wanted, `${text} to ${to === bob ? 'bob' : 'carol'} came ${times} times`);
            assert.equal(copies.filter((one) => one === text).length, wanted, `${text} has as many copies`);
            if (to === bob) assert.equal(refused.has(id), false, text);
          }
          assert.equal(got.length, new Set(got).size);
          assert.equal(told.length, new Set(told).size, 'a sender is told of a refusal once');
        }),
        { numRuns: Number(process.env['CIM_RUNS'] ?? 12) },
      );
      assert.ok(skewMs < 20 * DAY);
    });
  });

const due = (at: number): ClaimedMessage => ({
  ...{ id: `${at}`.padStart(16, '0') as ProducerId, sender: { userId: 1001 as UserId, userName: 'alice' } },
  ...{ to: inboxOf(1002 as UserId), content: cim.Content.encode({ texts: ['x'] }).finish() },
  ...{ sendAt: at, triedMs: undefined },
});

test('messages whose recipient reads nothing do not hold up those to others', async () => {
  const waiting = Array.from({ length: 65 }, (_, i) => due(i));
  const sent: ProducerId[] = [];
  const process = new ScheduledSends({
    ...{ suspendedMs: () => 0, onRefused: () => undefined, logger },
    scheduled: {
      count: () => Promise.resolve({ waiting: 65, due: 65, lateMs: 0, ready: true, nextMs: undefined }),
      claim: (limit) => Promise.resolve(waiting.splice(0, limit)),
      sent: (_, id) => Promise.resolve(void sent.push(id)),
      refuse: () => Promise.resolve(false),
    },
    sends: {
      refuse: () => assert.fail('it is not refused'),
      send: ({ producer }, done) =>
        done(
          producer === due(64).id
            ? { outcome: 'stored', seq: 1 as Seq, online: true, n: 1, storedAt: 1 }
            : { outcome: 'retry', code: CODES.inboxShare.code, text: 'unread' },
        ),
    },
  });
  await process.look();
  await new Promise((resolve) => setImmediate(resolve));
  await process.look();
  await process.stop();
  assert.deepEqual(sent, [due(64).id]);
});

test('a refusal is logged as a line of its sender, so that the log of one user has it', async () => {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const store = {
    streams: { append: (_: unknown, done: (answer: object) => void) => done({ outcome: 'blocked' }) },
    sessions: { locate: () => Promise.resolve([]) },
    scheduled: {
      count: () => Promise.resolve({ waiting: 1, due: 1, lateMs: 0, ready: true, nextMs: undefined }),
      claim: () => Promise.resolve([due(1)]),
      refuse: () => Promise.resolve(true),
    },
  } as unknown as Store;
  const { scheduled } = createMessaging({
    store,
    membership,
    rpc,
    logger: createLogger('info', {}, { write }),
  });
  await scheduled.look();
  await scheduled.stop();
  assert.equal(lines.find(({ msg }) => msg === 'scheduled.refused')?.['userId'], 1001);
});
