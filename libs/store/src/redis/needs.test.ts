import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { messageId } from '@cim/protocol';
import { PROMPT, RedisProcess, until } from '@cim/testkit';
import { append, newPair, Sends } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { type OpenStore, storeContract } from '../store.contract.ts';
import type { Store } from '../store.ts';
import { RETENTION } from '../streams.ts';
import type { Durability } from './durability.ts';
import { Redis } from './ioredis.ts';
import { nameNeeds, serverNeeds, shardNeeds } from './needs.ts';
import { openRedisStore } from './redis-store.ts';

const needsOf = (mode: Durability, kind: 'standalone' | 'cluster' = 'standalone') => [
  ...serverNeeds({ kind, db: 0 }, mode),
  ...shardNeeds('{s000}', 'x'),
  ...nameNeeds('{n00}'),
];
const commandsOf = (...of: Parameters<typeof needsOf>): string[] =>
  [...new Set(needsOf(...of).map(({ command }) => command))].sort();
const patternsOf = (): string[] => [...new Set(needsOf('disk').flatMap(({ patterns }) => patterns))].sort();

/** Arguments of ACL SETUSER that allow exactly what the table says. */
const rules = (...of: Parameters<typeof needsOf>): string[] => [
  'on',
  '>pw',
  ...patternsOf().map((pattern) => `~${pattern}`),
  ...commandsOf(...of).map((command) => `+${command}`),
];
const asUser = (url: string): string => url.replace('//', '//cim:pw@');
/** Commands that every user may run, that set up a connection, or that the test itself runs. */
const NOT_OURS = /^(hello|auth|quit|client\|setinfo|monitor)$/;

describe('a user who may do what the table says and nothing else', () => {
  let redis: RedisProcess;
  let base: Redis;
  let monitor: Redis;
  const seen = { commands: new Set<string>(), patterns: new Set<string>() };
  before(async () => {
    redis = await RedisProcess.start();
    await redis.cli('ACL', 'SETUSER', 'cim', ...rules('disk'));
    base = new Redis(redis.port);
    monitor = await base.monitor();
    monitor.on('monitor', (_time: string, words: string[]) => {
      const [command = '', sub = ''] = words.map((word) => word.toLowerCase());
      // The probe runs every command; this test is about all other work.
      if (words.some((word) => word.includes(':probe-'))) return;
      seen.commands.add(/^(config|cluster|client)$/.test(command) ? `${command}|${sub}` : command);
      for (const word of words) {
        const [, tag = '', kind = '', rest = ''] =
          /^\{([sn])[0-9a-f]{2,3}\}:([a-z-]+)(:.+)?$/.exec(word) ?? [];
        if (tag !== '') seen.patterns.add(`{${tag}*}:${kind}${rest === '' ? '' : ':*'}`);
      }
    });
  });
  after(async () => {
    monitor.disconnect();
    base.disconnect();
    await redis[Symbol.asyncDispose]();
  });

  const openCounted: OpenStore = async (times = {}) => {
    const opened: Store[] = [];
    const open = async (): Promise<Store> => {
      // The probe runs once, at the start.
      const store = await openRedisStore({
        url: asUser(redis.url),
        durability: 'disk',
        logger: silentLogger(),
        checkMs: 3_600_000,
        ...times,
      });
      opened.push(store);
      return store;
    };
    return {
      store: await open(),
      reopen: open,
      close: async () => {
        await Promise.all(opened.map((store) => store.stop()));
      },
    };
  };
  storeContract('keeps the contract', openCounted);

  test('the store uses everything in the table, and nothing else', async (t) => {
    const store = await openRedisForTest(t, asUser(redis.url), {
      // Makes producers change hashes at once.
      limits: { ...RETENTION, producerEntries: 1 },
    });
    const { to, sends } = await newPair(store);
    for (const from of [sends, new Sends(sends.stream, to), sends])
      await append(store, { ...from.item(1), about: messageId(to.userId, sends.producer, 1) });
    // MONITOR does not show this command.
    if (/cmdstat_config\|get:calls=/.test(await redis.cli('INFO', 'commandstats')))
      seen.commands.add('config|get');
    await until('the last is seen', () => seen.commands.has('rename'));
    const done = [...seen.commands].filter((command) => !NOT_OURS.test(command)).sort();
    assert.deepEqual(done, commandsOf('disk'));
    assert.deepEqual([...seen.patterns].sort(), patternsOf());
  });

  test('each command that is taken away is named at the start, with the line that gives it back', async (t) => {
    for (const command of commandsOf('disk')) {
      await redis.cli('ACL', 'SETUSER', 'cim', `-${command}`);
      let said = '';
      await openRedisStore({ url: asUser(redis.url), durability: 'disk', logger: silentLogger() }).then(
        (store) => store.stop(),
        (error: unknown) => {
          said = error instanceof Error ? error.message : '';
        },
      );
      const [, line = ''] =
        /^Redis at \S+ denies the user cim the commands \S+; mend it with: (ACL SETUSER [^(]+?) \(/.exec(
          said,
        ) ?? [];
      assert.equal(line, `ACL SETUSER cim +${command}`, said);
      await redis.cli(...line.split(' '));
    }
    await openRedisForTest(t, asUser(redis.url));
  });

  test('keys that are taken away are named at the start, with the line that gives them back', async (t) => {
    await redis.cli('ACL', 'SETUSER', 'cim', 'resetkeys', '~{s*}:acct:*', '%R~{s*}:log:*');
    let said = '';
    await openRedisStore({ url: asUser(redis.url), durability: 'disk', logger: silentLogger() }).then(
      (store) => store.stop(),
      (error: unknown) => {
        said = error instanceof Error ? error.message : '';
      },
    );
    const [, line = ''] = /mend it with: (ACL SETUSER [^(]+?) \(/.exec(said) ?? [];
    assert.deepEqual(
      line.split(' ').slice(3).sort(),
      patternsOf()
        .filter((pattern) => pattern !== '{s*}:acct:*')
        .map((pattern) => `~${pattern}`),
    );
    await redis.cli(...line.split(' '));
    await openRedisForTest(t, asUser(redis.url));
  });

  test('a user without any right is given the whole table by one line', async (t) => {
    await redis.cli('ACL', 'SETUSER', 'cim', 'reset', 'on', '>pw');
    let said = '';
    await openRedisStore({ url: asUser(redis.url), durability: 'disk', logger: silentLogger() }).then(
      (store) => store.stop(),
      (error: unknown) => {
        said = error instanceof Error ? error.message : '';
      },
    );
    const [, line = ''] = /mend it with: (ACL SETUSER [^(]+?) \(/.exec(said) ?? [];
    await redis.cli(...line.split(' '));
    await openRedisForTest(t, asUser(redis.url));
  });
});

test('the table is exactly enough for quorum and for a Cluster', async (t) => {
  const master = await RedisProcess.start(PROMPT);
  t.after(() => master[Symbol.asyncDispose]());
  const replica = await RedisProcess.start([...PROMPT, '--replicaof', `127.0.0.1 ${master.port}`]);
  t.after(() => replica[Symbol.asyncDispose]());
  await until('the replica is online', async () =>
    /state=online/.test(await master.cli('INFO', 'replication')),
  );
  const nodes = await RedisProcess.startCluster();
  t.after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  await master.cli('ACL', 'SETUSER', 'cim', ...rules('quorum'));
  for (const node of nodes) await node.cli('ACL', 'SETUSER', 'cim', ...rules('disk', 'cluster'));
  const cluster = `redis+cluster://cim:pw@${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  for (const [url, durability] of [
    [asUser(master.url), 'quorum'],
    [cluster, 'disk'],
  ] as const) {
    const store = await openRedisForTest(t, url, { durability });
    const pairs = await Promise.all(Array.from({ length: 8 }, () => newPair(store)));
    const answers = await Promise.all(pairs.map(({ sends }) => append(store, sends.item(1))));
    assert.ok(answers.every(({ outcome }) => outcome === 'ok'));
  }
  await master.cli('ACL', 'SETUSER', 'cim', '-wait');
  await assert.rejects(
    openRedisStore({ url: asUser(master.url), durability: 'quorum', logger: silentLogger() }),
    /denies the user cim the commands wait;/,
  );
  await nodes[1]?.cli('ACL', 'SETUSER', 'cim', '-cluster|info', '-xadd');
  await assert.rejects(
    openRedisStore({ url: cluster, durability: 'disk', logger: silentLogger() }),
    /denies the user cim the commands cluster\|info xadd;/,
  );
});

test('docs/operations.md names the user that the table asks for', () => {
  const page = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
  const [, line = ''] = /ACL SETUSER cim on ((?:.*\\\n)*.*)/.exec(page) ?? [];
  const words = line.replaceAll('\\\n', ' ').split(/\s+/).filter(Boolean);
  assert.deepEqual(
    words.filter((word) => word.startsWith('+')).sort(),
    commandsOf('quorum', 'cluster').map((command) => `+${command}`),
  );
  assert.deepEqual(words.filter((word) => word.startsWith('~')).sort(), ['~{n*}:*', '~{s*}:*']);
});
