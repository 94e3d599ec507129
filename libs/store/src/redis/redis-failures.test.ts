import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { CimError, type GroupId, groupStream, inboxOf, type NamedUser } from '@cim/protocol';
import { createLogger, silentLogger } from '@cim/runtime';
import { RedisProcess, until } from '@cim/testkit';
import {
  append,
  appendOk,
  cimOf,
  logIn,
  newName,
  newPair,
  newServer,
  newUser,
  readAll,
  Sends,
} from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';
import { streamKeys, streamShard } from './keys.ts';
import { openRedisStore } from './redis-store.ts';

/** The time within which calls fail while Redis is away [ms], with room for a busy machine. */
const SOON_MS = 2_500;

async function soon<T>(work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const answer = await work();
  const took = performance.now() - started;
  assert.ok(took < SOON_MS, `took ${took} ms`);
  return answer;
}

async function assertAway(store: Store, sends: Sends, user: NamedUser): Promise<void> {
  const calls = [
    () => store.ping(),
    () => store.accounts.register(newName()),
    () => store.accounts.byName(user.userName),
    () => store.sessions.locate(user.userId),
    () => store.sessions.epochs([cimOf(user)]),
    () => store.streams.position(inboxOf(user.userId)),
    () => store.streams.counters(user.userId, [{ stream: sends.stream, producer: sends.producer }]),
  ];
  const failed = soon(() =>
    Promise.all(
      calls.map((call) =>
        assert.rejects(call, (error) => {
          assert.ok(error instanceof CimError && error.code === '4000' && error.retryable);
          assert.match(error.message, /^the store (does not answer|refuses|cannot be used): [^\n]+$/);
          return true;
        }),
      ),
    ),
  );
  const answer = await soon(() => append(store, sends.item(2)));
  assert.equal(answer.outcome, 'retry');
  await failed;
}

describe('while Redis is away', () => {
  let redis: RedisProcess;
  before(async () => {
    redis = await RedisProcess.start();
  });
  after(() => redis[Symbol.asyncDispose]());

  test('killed: appends answer retry, all else fails soon; started again, everything goes on', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sends, to, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    await redis.kill();
    await assertAway(store, sends, to);
    await assertAway(store, sends, to);
    await redis.start();
    await until('the store is back', () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    );
    // The first append may have been carried out after all. A repeated send is safe.
    const outcomes = [
      (await append(store, sends.item(2))).outcome,
      (await append(store, sends.item(3))).outcome,
    ];
    assert.match(outcomes.join(), /^(ok|duplicate),ok$/);
    assert.deepEqual(
      (await readAll(store, inbox)).map((entry) => entry.counter),
      [1, 2, 3],
    );
  });

  test('hanging: appends answer retry, all else fails soon; moving again, everything goes on', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sends, to, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    redis.freeze();
    try {
      await assertAway(store, sends, to);
      // By then the connection is given up, and no call waits for the next one.
      await until('it fails at once, again and again', async () => {
        const started = performance.now();
        for (let i = 0; i < 20; i++) await assert.rejects(store.ping());
        return performance.now() - started < 100;
      });
      await assertAway(store, sends, to);
    } finally {
      redis.thaw();
    }
    await until('the store is back', () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    );
    const outcomes = [
      (await append(store, sends.item(2))).outcome,
      (await append(store, sends.item(3))).outcome,
    ];
    assert.match(outcomes.join(), /^(ok|duplicate),ok$/);
    assert.deepEqual(
      (await readAll(store, inbox)).map((entry) => entry.counter),
      [1, 2, 3],
    );
  });

  test('hanging under load: appends beyond the memory limit are refused at once', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sends } = await newPair(store);
    redis.freeze();
    try {
      const waiting = Array.from({ length: 64 }, (_, i) =>
        append(store, sends.item(i + 1, Buffer.alloc(1024 * 1024))),
      );
      const atOnce = await append(store, sends.item(65));
      assert.ok(atOnce.outcome === 'retry' && /behind/.test(String(atOnce.cause)));
      const answers = await soon(() => Promise.all(waiting));
      assert.ok(answers.every((answer) => answer.outcome === 'retry'));
      assert.ok(!/behind/.test(String(answers.map((answer) => 'cause' in answer && answer.cause))));
    } finally {
      redis.thaw();
    }
    await until('the store takes appends again', async () =>
      ['ok', 'duplicate'].includes((await append(store, sends.item(1, Buffer.alloc(1024 * 1024)))).outcome),
    );
  });

  test('kill -9 under load loses nothing that was answered ok, and stores nothing twice', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { to, inbox } = await newPair(store);
    const producers = Array.from({ length: 20 }, () => new Sends(inbox, to));
    const answered: string[] = [];
    let stored = 0;
    let stopped = false;
    /** One send at a time per producer, repeated until it is answered. */
    const work = producers.map(async (sends) => {
      for (let counter = 1; !stopped; ) {
        const answer = await append(store, sends.item(counter));
        if (answer.outcome === 'retry') continue;
        assert.ok(answer.outcome === 'ok' || answer.outcome === 'duplicate', answer.outcome);
        answered.push(`${sends.producer}:${counter}`);
        counter++;
        stored++;
      }
    });
    for (let round = 1; round <= 3; round++) {
      const enough = stored + 300;
      await until(`round ${round}`, () => stored >= enough);
      await redis.kill();
      await redis.start();
    }
    const enough = stored + 100;
    await until('it goes on', () => stored >= enough);
    stopped = true;
    await Promise.all(work);
    const entries = (await readAll(store, inbox)).map((entry) => `${entry.producer}:${entry.counter}`);
    assert.equal(new Set(entries).size, entries.length);
    const kept = new Set(entries);
    assert.deepEqual(
      answered.filter((id) => !kept.has(id)),
      [],
    );
  });

  test('scripts that Redis has forgotten are sent anew', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sends, to } = await newPair(store);
    await appendOk(store, sends.item(1));
    await redis.cli('SCRIPT', 'FLUSH');
    await appendOk(store, sends.item(2));
    await redis.cli('SCRIPT', 'FLUSH');
    await logIn(store, to, await newServer(store));
  });

  test('a failed append holds up the rest of its producer on that stream, and no other', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [sender, other] = [await newUser(store), await newUser(store)];
    const broken = groupStream(`broken-${newName()}` as GroupId);
    let whole = broken;
    // Streams of the same shard, so that all travel in one call.
    for (let i = 0; whole === broken || streamShard(whole) !== streamShard(broken); i++)
      whole = groupStream(`whole-${i}` as GroupId);
    await redis.cli('SET', streamKeys(broken).log, 'no stream');
    const [first, second, elsewhere] = [
      new Sends(broken, sender),
      new Sends(broken, other),
      new Sends(whole, sender),
    ];
    const items = [first.item(1), elsewhere.item(1), first.item(2), second.item(1), elsewhere.item(2)];
    const answers = await Promise.all(items.map((item) => append(store, item)));
    assert.deepEqual(
      answers.map((answer) => answer.outcome),
      ['retry', 'ok', 'retry', 'retry', 'ok'],
    );
    assert.match(
      String(answers.map((answer) => 'cause' in answer && answer.cause)),
      /WRONGTYPE.*skipped.*WRONGTYPE/,
    );
    await redis.cli('DEL', streamKeys(broken).log);
    for (const item of [first.item(1), first.item(2), second.item(1)]) await appendOk(store, item);
    assert.equal((await store.streams.position(broken)).top, 3);
  });

  test('a stream with a damaged meta fails alone, whatever else is in the same call', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const [damaged, whole] = [await newUser(store), await newUser(store)];
    await redis.cli('SET', streamKeys(inboxOf(damaged.userId)).meta, 'short');
    const sends = [damaged, whole].map(({ userId }) => new Sends(inboxOf(userId), whole));
    const answers = await Promise.all(sends.map((to) => append(store, to.item(1))));
    assert.deepEqual(
      answers.map((answer) => answer.outcome),
      ['retry', 'ok'],
    );
  });

  test('Redis without memory refuses appends with retry and changes nothing', async (t) => {
    const store = await openRedisForTest(t, redis.url);
    const { sends, inbox } = await newPair(store);
    await appendOk(store, sends.item(1));
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
    const full = await append(store, sends.item(2));
    await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    assert.equal(full.outcome, 'retry');
    assert.equal((await store.streams.position(inbox)).top, 1);
    assert.equal(await appendOk(store, sends.item(2)), 2);
  });
});

test('a turn of the event loop longer than the time-out loses no answer', async (t) => {
  await using redis = await RedisProcess.start();
  const store = await openRedisForTest(t, redis.url);
  const { userId } = await newUser(store);
  for (let round = 0; round < 3; round++) {
    const asked = [store.sessions.locate(userId), store.accounts.byId(userId)] as const;
    const until = performance.now() + 1_600;
    while (performance.now() < until);
    const [at, account] = await Promise.all(asked);
    assert.deepEqual([at, account?.userId], [[], userId]);
  }
});

test('appends before a stop are answered; later ones are refused', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisForTest(t, redis.url);
  const { sends } = await newPair(store);
  const answers = Promise.all([1, 2, 3].map((counter) => append(store, sends.item(counter))));
  await store.stop();
  assert.deepEqual(
    (await answers).map((answer) => answer.outcome),
    ['ok', 'ok', 'ok'],
  );
  assert.equal((await append(store, sends.item(4))).outcome, 'retry');
  await assert.rejects(store.ping(), /closed/);
});

test('a missing or wrong password ends the start at once', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  await redis.cli('CONFIG', 'SET', 'requirepass', 'right');
  const { host } = new URL(redis.url);
  for (const login of ['', ':wrong@'])
    await soon(() =>
      assert.rejects(
        openRedisStore({ url: `redis://${login}${host}`, durability: 'disk', logger: silentLogger() }),
        /^Error: Redis at [^\n]*(NOAUTH|WRONGPASS)[^\n]*CIM_REDIS_PASSWORD_FILE[^\n]*\)$/,
      ),
    );
  await openRedisForTest(t, `redis://:right@${host}`);
});

test('a password that is wrong, or that an old Redis repeats, is in no log line and in no message', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  await redis.cli('CONFIG', 'SET', 'requirepass', 'right');
  const old = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      socket.write(
        "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'app' 'hunter2secret'\r\n",
      ),
    );
  });
  old.listen(0, '127.0.0.1');
  await once(old, 'listening');
  t.after(() => old.close());
  const hosts = [new URL(redis.url).host, `127.0.0.1:${(old.address() as AddressInfo).port}`];
  const lines: string[] = [];
  const logger = createLogger('debug', {}, { write: (line: string) => void lines.push(line) });
  const said: string[] = [];
  for (const host of hosts)
    for (const login of ['app:hunter2secret@', ':hunter2secret@'])
      await openRedisStore({ url: `redis://${login}${host}`, durability: 'disk', logger, startMs: 500 }).then(
        (store) => store.stop(),
        (error: unknown) => said.push(String(error)),
      );
  assert.match(said.join(), /WRONGPASS/);
  assert.doesNotMatch(said.join(), /hunter2secret/);
  assert.doesNotMatch(lines.join(''), /hunter2secret/);
});
