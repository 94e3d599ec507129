import assert from 'node:assert/strict';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { type Logger, silentLogger } from '@cim/runtime';
import { PROMPT, RedisProcess, until } from '@cim/testkit';
import { append, appendOk, newPair } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import type { Store } from '../store.ts';

/** An episode lasts for at least this many checks, so that a line for each would be noticed. */
const CHECKS = 5;
const CHECK_MS = 100;

/** A logger that records its lines about the store as a whole. */
function listen(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const say =
    (level: string) =>
    (fields: unknown, event?: string): void => {
      const name = typeof fields === 'string' ? fields : (event ?? '');
      if (!name.startsWith('store.')) return;
      lines.push(`${level} ${name}${name === fields ? '' : ` ${JSON.stringify(fields)}`}`);
    };
  const logger = { ...silentLogger(), info: say('info'), warn: say('warn'), error: say('error') };
  return { logger: logger as never, lines };
}

const reason = (store: Store): Promise<string> =>
  store.ping().then(
    () => '',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

/**
 * Runs an episode: `breaking` makes the store not ready for that reason, and `mending` makes it ready again.
 * Each is logged once.
 */
async function refuses(
  t: TestContext,
  redis: RedisProcess,
  breaking: () => Promise<unknown>,
  words: RegExp,
  mending: () => Promise<unknown>,
  url = redis.url,
): Promise<void> {
  const { logger, lines } = listen();
  const store = await openRedisForTest(t, url, { checkMs: CHECK_MS, logger });
  const { sends } = await newPair(store);
  await appendOk(store, sends.item(1));
  assert.equal(await reason(store), '');
  assert.deepEqual(lines, []);
  await breaking();
  let said = '';
  await until('the store is not ready', async () => (said = await reason(store)) !== '');
  assert.match(said, words);
  assert.doesNotMatch(said, /\n/);
  // The number of checks: each reads four settings.
  const calls = async (): Promise<number> =>
    Number(/cmdstat_config\|get:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0);
  const before = await calls();
  await until('it was checked some times', async () => (await calls()) >= before + 4 * CHECKS);
  assert.notEqual((await append(store, sends.item(2))).outcome, 'ok');
  assert.equal(lines.length, 1, lines.join('\n'));
  assert.match(lines.join(), words);
  await mending();
  await until('the store is ready', async () => (await reason(store)) === '');
  await until('appends are taken', async () =>
    ['ok', 'duplicate'].includes((await append(store, sends.item(2))).outcome),
  );
  assert.deepEqual(lines.slice(1), ['info store.ready-again']);
  assert.equal(
    (await redis.cli('--scan', '--pattern', '*probe*')).trim(),
    '',
    'the probe leaves nothing behind',
  );
}

async function startRedis(t: TestContext, flags: readonly string[] = []): Promise<RedisProcess> {
  const redis = await RedisProcess.start(flags);
  t.after(() => redis[Symbol.asyncDispose]());
  return redis;
}

describe('the store is not ready, and says why, while Redis refuses writes', () => {
  test('for want of memory', async (t) => {
    const redis = await startRedis(t);
    const set = (bytes: string) => redis.cli('CONFIG', 'SET', 'maxmemory', bytes);
    await refuses(
      t,
      redis,
      () => set('1'),
      /refuses writes: OOM .*raise maxmemory/,
      () => set('0'),
    );
  });

  test('for want of replicas', async (t) => {
    const redis = await startRedis(t);
    const set = (count: string) => redis.cli('CONFIG', 'SET', 'min-replicas-to-write', count);
    await refuses(
      t,
      redis,
      () => set('1'),
      /refuses writes: NOREPLICAS .*min-replicas-to-write/,
      () => set('0'),
    );
  });

  test('for want of a disk that can be written', async (t) => {
    const redis = await startRedis(t, ['--save', '3600 1']);
    const [, dir = ''] = (await redis.cli('CONFIG', 'GET', 'dir')).split('\n');
    // A folder in the place of the file that Redis saves to.
    const inTheWay = join(dir.trim(), 'dump.rdb');
    const save = async (status: string): Promise<void> => {
      await redis.cli('BGSAVE');
      await until(`a save ends: ${status}`, async () =>
        (await redis.cli('INFO', 'persistence')).includes(`rdb_last_bgsave_status:${status}`),
      );
    };
    await refuses(
      t,
      redis,
      async () => {
        await mkdir(join(inTheWay, 'full'), { recursive: true });
        await save('err');
      },
      /refuses( writes)?: MISCONF .*space on its disk/,
      async () => {
        await rmdir(join(inTheWay, 'full'));
        await rmdir(inTheWay);
        await save('ok');
      },
    );
  });

  test('since it was made a replica', async (t) => {
    const redis = await startRedis(t, PROMPT);
    const replica = await startRedis(t, [...PROMPT, '--replicaof', `127.0.0.1 ${redis.port}`]);
    await until('the replica is online', async () =>
      /state=online/.test(await redis.cli('INFO', 'replication')),
    );
    await refuses(
      t,
      redis,
      async () => {
        // A replica that is behind would lack what was stored.
        const offsetOf = async (of: RedisProcess) =>
          /master_repl_offset:(\d+)/.exec(await of.cli('INFO', 'replication'))?.[1];
        await until('the replica has all', async () => (await offsetOf(redis)) === (await offsetOf(replica)));
        await replica.cli('REPLICAOF', 'NO', 'ONE');
        await redis.cli('REPLICAOF', '127.0.0.1', String(replica.port));
      },
      /READONLY .*lead the address to its master/,
      () => redis.cli('REPLICAOF', 'NO', 'ONE'),
    );
  });

  test('since its user may do less, with the line that grants it', async (t) => {
    const redis = await startRedis(t);
    await redis.cli('ACL', 'SETUSER', 'cim', 'on', '>pw', '~*', '+@all');
    const url = redis.url.replace('//', '//cim:pw@');
    const grants = [
      [
        ['-xadd'],
        /denies the user cim the commands xadd; mend it with: ACL SETUSER cim \+xadd \(/,
        ['+xadd'],
      ],
      [
        ['resetkeys', '~{n*}:names', '~{s*}:log:*'],
        /denies the user cim the keys .*\{s\*\}:acct:\*.*; mend it with: ACL SETUSER cim ~\{s\*\}:/,
        ['~*'],
      ],
      [['-evalsha', '-eval'], /NOPERM .*'evalsha' command/, ['+@all']],
    ] as const;
    for (const [taken, words, given] of grants)
      await refuses(
        t,
        redis,
        () => redis.cli('ACL', 'SETUSER', 'cim', ...taken),
        words,
        () => redis.cli('ACL', 'SETUSER', 'cim', ...given),
        url,
      );
  });

  test('since it is hung', async (t) => {
    const { logger, lines } = listen();
    const redis = await startRedis(t);
    const store = await openRedisForTest(t, redis.url, { checkMs: CHECK_MS, logger });
    redis.freeze();
    try {
      await until('it is logged', () => lines.length > 0);
      assert.match(await reason(store), /no answer within/);
      // Each attempt to connect fails in its own words.
      await until('the connection is given up', async () => !/no answer/.test(await reason(store)));
      await until('and tried again', async () => /timeout|ETIMEDOUT/i.test(await reason(store)));
    } finally {
      redis.thaw();
    }
    await until('the store is ready', async () => (await reason(store)) === '');
    assert.deepEqual(
      lines.map((line) => line.split(' ').slice(0, 2).join(' ')),
      ['warn store.not-ready', 'info store.ready-again'],
    );
  });

  test('since a node of a Cluster is gone', async (t) => {
    const nodes = await RedisProcess.startCluster();
    t.after(() => Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
    const { logger, lines } = listen();
    const url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    const store = await openRedisForTest(t, url, { checkMs: CHECK_MS, logger });
    await nodes[1]?.kill();
    await until('the store is not ready', async () => (await reason(store)) !== '', 10_000);
    await until('the others know', async () => /CLUSTERDOWN/.test(await reason(store)));
    await nodes[1]?.start();
    await until('the store is ready', async () => (await reason(store)) === '');
    // Redis is away, then reported down by the other nodes, then back: fewer lines than checks.
    assert.ok(lines.length <= 5, lines.join('\n'));
  });
});
