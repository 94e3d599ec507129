/** The cost of a group message in Redis, counted in commands and not in time. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openEmbeddedMembership } from '@cim/discovery';
import { createMessaging } from '@cim/delivery';
import {
  cim,
  type GroupId,
  groupStream,
  type InstanceId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
} from '@cim/protocol';
import type { RpcClient } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { openRedisStore, type Store } from '@cim/store';
import { quietDoorbell, RedisProcess, until } from '@cim/testkit';
import type { FeedSink } from './feed-sink.ts';
import { GroupLog } from './group-log.ts';
import { Places } from './places.ts';

const HERE = 'instance-of-here' as InstanceId;
const MESSAGES = 20;
/** The lease and the store's watch run by the clock. A message has none of their commands. */
const BY_THE_CLOCK = new Set(['info', 'config', 'ping', 'wait', 'role', 'hello', 'client']);

let redis: RedisProcess;
let store: Store;
let users: NamedUser[];
const logger = silentLogger();

before(async () => {
  redis = await RedisProcess.start();
  const url = `redis://127.0.0.1:${redis.port}`;
  // The store is checked once, and not again while commands are counted.
  store = await openRedisStore({ url, durability: 'disk', logger, checkMs: 3_600_000 });
  // Waits for the end of the work that is done once for names stored by an older version.
  await until('it has entered the looks of old names', async () =>
    (await redis.cli('keys', '*looks-entered')).includes('looks'),
  );
  users = await Promise.all(
    Array.from({ length: 1_000 }, async (_, i) => {
      const name = parseUserName(`member-${i}`);
      assert.ok(name.ok);
      return (await store.accounts.register(name.name)).account;
    }),
  );
});
after(async () => {
  await store.stop();
  await redis.kill();
});

/** Number of calls of each command in Redis. */
async function counted(): Promise<Map<string, number>> {
  const stats = await redis.cli('info', 'commandstats');
  return new Map(
    [...stats.matchAll(/cmdstat_([\w|-]+):calls=(\d+)/g)]
      .map(([, name = '', calls]) => [name.split('|')[0] ?? '', Number(calls)] as const)
      .filter(([name]) => !BY_THE_CLOCK.has(name)),
  );
}

/**
 * Sends messages to a group whose members all have a session here. Counts the commands in Redis until all
 * members have them.
 */
async function commandsOf(members: number): Promise<Record<string, number>> {
  const membership = openEmbeddedMembership();
  const messaging = createMessaging({ store, membership, rpc: {} as RpcClient, logger });
  const [owner, ...others] = users.slice(0, members);
  assert.ok(owner);
  const created = await messaging.groups.create(owner, { name: `of ${members}`, join: 'open' });
  const group: GroupId = created.id;
  for (let i = 0; i < others.length; i += 100)
    await messaging.groups.add(
      owner,
      group,
      others.slice(i, i + 100).map(({ userId }) => userId),
    );
  await store.groups.follow([group], HERE);
  const log = new GroupLog(group, store.streams);
  messaging.serve(
    quietDoorbell(HERE, { broadcast: (_, entry) => (entry === undefined ? log.look() : log.offer(entry)) }),
  );
  const { top, topId } = await store.streams.position(groupStream(group));
  let written = 0;
  for (const { userId } of users.slice(0, members)) {
    const places = new Places();
    const sink: FeedSink = {
      userId,
      ready: () => true,
      write: () => assert.fail('what a group gets is shared'),
      writeShared: (feed, piece) => {
        written += piece.entries.length;
        feed.ack(piece.to);
      },
      expired: () => assert.fail('nothing expires'),
      lost: () => assert.fail('nothing is lost'),
      broken: () => assert.fail('nothing breaks'),
      passed: () => assert.fail('a group tells nobody'),
      acknowledged: () => undefined,
      woken: (of, feed) => places.woken(of, feed),
      signal: () => undefined,
      now: () => 1,
    };
    places.follow(log, (top + 1) as Seq, topId, true, sink);
  }
  const before = await counted();
  for (let counter = 1; counter <= MESSAGES; counter++) {
    const content = cim.Content.encode({ texts: ['hello'] }).finish();
    const { outcome } = await new Promise<{ outcome: string }>((answer) =>
      messaging.sends.send(
        {
          ...{ door: 'tcp', actor: owner, to: groupStream(group), content, counter },
          producer: 'producer-of-tests' as ProducerId,
        },
        answer,
      ),
    );
    assert.equal(outcome, 'stored');
    await until('every member has it', () => written === counter * members);
  }
  const now = await counted();
  log.end();
  const commands = [...now].map(([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(commands.filter(([, calls]) => calls > 0));
}

test('a message to a group of 1,000 members takes the commands in Redis that one to a group of 10 takes', async () => {
  const [few, many] = [await commandsOf(10), await commandsOf(1_000)];
  assert.deepEqual(many, few);
  assert.equal(many['xadd'], MESSAGES, 'one entry for a message');
  assert.equal(many['mset'], MESSAGES, 'and one record of its stream');
});
