import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { CIM_DEVICE, inboxOf, messageId, type NamedUser, type Seq, type StreamRef } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { RedisProcess } from '@cim/testkit';
import { logIn, newServer, newUser, Sends } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';
import { type Append, type AppendAnswer, RETENTION, type StreamLimits } from '../streams.ts';
import { withAccess } from './access.ts';
import { type Commit, directCommit } from './commit.ts';
import { Redis } from './ioredis.ts';
import { streamKeys } from './keys.ts';
import { RedisLink } from './link.ts';
import { MemberSides } from './member-sides.ts';
import { RedisStreams } from './streams.ts';
import { parseRedisUrl } from './url.ts';

/**
 * A message and its copy as on a Cluster: each shard has its own calls, and the test can make each call fail.
 */
describe('a copy in another shard than its message', () => {
  let redis: RedisProcess;
  let client: Redis;
  before(async () => {
    redis = await RedisProcess.start();
    client = new Redis(redis.port);
  });
  after(async () => {
    client.disconnect();
    await redis[Symbol.asyncDispose]();
  });

  interface Opened {
    readonly store: Store;
    readonly sends: Sends;
    readonly to: NamedUser;
    /** The inbox of the sender. */
    readonly own: StreamRef;
    readonly append: (item: Append) => Promise<AppendAnswer>;
    /** Makes the sender's shard unavailable. */
    readonly breakOwn: () => void;
    readonly mend: () => void;
  }

  async function open(t: TestContext, limits: Partial<StreamLimits> = {}): Promise<Opened> {
    const store = await openRedisForTest(t, redis.url);
    const [sender, to] = [await newUser(store), await newUser(store)];
    const own = inboxOf(sender.userId);
    const link = new RedisLink(withAccess(parseRedisUrl(redis.url), {}));
    t.after(() => link.stop());
    const direct = directCommit(link);
    let broken = '';
    const commit: Commit = {
      waits: false,
      acrossShards: false,
      run: (script, keys, args) =>
        keys[0] === broken ? Promise.reject(new Error('the shard is away')) : direct.run(script, keys, args),
    };
    const sides = new MemberSides(link, commit);
    const streams = new RedisStreams(link, commit, sides, silentLogger(), { ...RETENTION, ...limits });
    return {
      store,
      sends: new Sends(inboxOf(to.userId), sender),
      to,
      own,
      append: (item) => new Promise((done) => streams.append(item, done)),
      breakOwn: () => {
        broken = streamKeys(own).log;
      },
      mend: () => {
        broken = '';
      },
    };
  }

  /** Counters of the copies, and of the recipient's entries. */
  const both = async ({ store, sends, own }: Opened): Promise<number[][]> =>
    Promise.all(
      [own, sends.stream].map(async (stream) =>
        (await store.streams.read(stream, 1 as Seq, 1_000)).map(({ counter }) => counter),
      ),
    );

  test('where one call reaches all shards costs one command more than the message, and nothing else', async (t) => {
    const { store, sends } = await open(t);
    const together = (item: Append): Promise<AppendAnswer> =>
      new Promise((done) => store.streams.append(item, done));
    await together(sends.item(1));
    await client.config('RESETSTAT');
    await Promise.all(Array.from({ length: 100 }, (_, i) => together(sends.item(i + 2))));
    const stats = await client.info('commandstats');
    const calls = (command: string): number =>
      Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    assert.equal(calls('xadd'), 200);
    for (const command of ['time', 'mget', 'mset']) assert.equal(calls(command), calls('evalsha'), command);
    for (const command of ['hget', 'hset', 'get', 'set', 'exists', 'xrange', 'xtrim'])
      assert.equal(calls(command), 0, command);
  });

  test('is made before the message is answered, and the answer says where', async (t) => {
    const opened = await open(t);
    const { sends, to, append } = opened;
    const answer = await append(sends.item(1));
    assert.ok(answer.outcome === 'ok' && answer.copy !== undefined);
    assert.deepEqual([answer.seq, answer.copy.seq, answer.copy.prev, answer.copy.n], [1, 1, '', 0]);
    const next = await append(sends.item(2));
    assert.ok(next.outcome === 'ok');
    assert.equal(next.copy?.prev, `${sends.sender.userId}:${sends.producer}>${to.userId}:1`);
    assert.deepEqual(await both(opened), [
      [1, 2],
      [1, 2],
    ]);
  });

  test('that is missing after a crash is made once when the send is repeated', async (t) => {
    const opened = await open(t);
    const { sends, append, breakOwn, mend } = opened;
    const keyed = { ...sends.item(0), rememberMs: 60_000 };
    breakOwn();
    for (const item of [sends.item(1), keyed]) assert.equal((await append(item)).outcome, 'retry');
    assert.deepEqual(await both(opened), [[], [1, 0]]);
    mend();
    for (const again of [true, true, false])
      for (const item of [sends.item(1), keyed])
        assert.equal((await append({ ...item, again })).outcome, 'duplicate');
    assert.deepEqual(await both(opened), [
      [1, 0],
      [1, 0],
    ]);
  });

  test('behind missing ones: these are made first, with their contents, and once', async (t) => {
    const opened = await open(t);
    const { store, sends, own, to, append, breakOwn, mend } = opened;
    const about = messageId(to.userId, sends.producer, 7);
    const recall = Buffer.from([
      0x12,
      6,
      ...Buffer.from('recall'),
      0x22,
      about.length,
      ...Buffer.from(about),
    ]);
    await append(sends.item(1));
    breakOwn();
    await append({ ...sends.item(2, recall), silent: true, about });
    await append(sends.item(3));
    mend();
    const answers = await Promise.all([4, 5].map((counter) => append(sends.item(counter))));
    assert.deepEqual(
      answers.map((answer) => answer.outcome),
      ['ok', 'ok'],
    );
    assert.equal((await append({ ...sends.item(3), again: true })).outcome, 'duplicate');
    assert.deepEqual(await both(opened), [
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ]);
    assert.deepEqual(await store.streams.events(own, 1 as Seq), [{ seq: 2, about }]);
    const [, second, third] = await store.streams.read(own, 1 as Seq, 3);
    assert.deepEqual([second?.content, third?.content], [recall, Buffer.from('text 3')]);
  });

  test('behind missing ones that the log no longer keeps: these are skipped', async (t) => {
    const opened = await open(t);
    const { sends, append, breakOwn, mend } = opened;
    breakOwn();
    for (const counter of [1, 2]) await append(sends.item(counter));
    mend();
    await client.xdel(streamKeys(sends.stream).log, '1-0');
    assert.equal((await append(sends.item(3))).outcome, 'ok');
    assert.deepEqual(await both(opened), [
      [2, 3],
      [2, 3],
    ]);
  });

  test('behind messages of the version before, which made no copies: these get none', async (t) => {
    const opened = await open(t);
    const { sends, append, breakOwn, mend } = opened;
    breakOwn();
    await append(sends.item(1));
    mend();
    const { log } = streamKeys(sends.stream);
    const head = (await client.xrange(log, '-', '+'))[0]?.[1][1] ?? '';
    await client.del(log);
    await client.xadd(log, '1-0', 'h', head.replace(/^(\d+ \d+ \d+ \d+)\S*/, '$1'), 'd', 'old');
    assert.equal((await append(sends.item(2))).outcome, 'ok');
    assert.deepEqual(await both(opened), [[2], [1, 2]]);
  });

  test('of a producer that the own inbox has forgotten: a new send is copied, a repeated one is not copied again', async (t) => {
    const opened = await open(t, { producerEntries: 2 });
    const { store, sends, append, own } = opened;
    await append(sends.item(1));
    const other = new Sends(own, await newUser(store));
    for (let counter = 1; counter <= 6; counter++) await append(other.item(counter));
    assert.equal((await append({ ...sends.item(1), again: true })).outcome, 'duplicate');
    assert.equal((await append(sends.item(2))).outcome, 'ok');
    const copies = (await store.streams.read(own, 1 as Seq, 100)).filter(
      ({ sender }) => sender.userId === sends.sender.userId,
    );
    assert.deepEqual(
      copies.map(({ counter }) => counter),
      [1, 2],
    );
  });

  test('that was made while one call reached all shards is not made again', async (t) => {
    const opened = await open(t);
    const { store, sends, append } = opened;
    const keyed = { ...sends.item(0), rememberMs: 60_000 };
    const together = (item: Append): Promise<AppendAnswer> =>
      new Promise((done) => store.streams.append(item, done));
    for (const item of [sends.item(1), sends.item(2), keyed, sends.item(3)]) await together(item);
    for (const item of [sends.item(1), keyed, sends.item(3)])
      assert.equal((await append({ ...item, again: true })).outcome, 'duplicate');
    assert.equal((await append(sends.item(4))).outcome, 'ok');
    assert.deepEqual(await both(opened), [
      [1, 2, 0, 3, 4],
      [1, 2, 0, 3, 4],
    ]);
  });

  test('that was left out, because its user does not read, is not missed later', async (t) => {
    const opened = await open(t, { maxEntries: 3 });
    const { store, sends, to, own, append } = opened;
    await append(new Sends(own, to).item(1));
    for (let counter = 1; counter <= 3; counter++) await append(sends.item(counter));
    const readByRecipient = await reader(store, to);
    await readByRecipient();
    for (let counter = 4; counter <= 7; counter++) {
      await append(sends.item(counter));
      await readByRecipient();
    }
    const copies = async (): Promise<number[]> =>
      (await store.streams.read(own, 1 as Seq, 100))
        .filter(({ sender }) => sender.userId === sends.sender.userId)
        .map(({ counter }) => counter);
    assert.deepEqual(await copies(), [1, 2, 3, 4, 5]);
    // The user reads, so there is room again.
    await (await reader(store, sends.sender))();
    const answer = await append(sends.item(8));
    assert.equal(answer.outcome === 'ok' && answer.copy !== undefined, true);
    assert.deepEqual((await copies()).at(-1), 8);
    assert.ok(!(await copies()).includes(6) && !(await copies()).includes(7));
  });

  /** Logs in, and acks everything at each call. */
  async function reader(store: Store, user: NamedUser): Promise<() => Promise<void>> {
    const epoch = await logIn(store, user, await newServer(store));
    const stream = inboxOf(user.userId);
    return async () => {
      const { top, topId } = await store.streams.position(stream);
      const cursor = { seq: top, id: topId };
      await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream, cursor }]);
    };
  }
});
