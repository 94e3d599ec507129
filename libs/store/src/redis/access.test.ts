import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { pick, readConfig, settings, silentLogger } from '@cim/runtime';
import { freePorts, PROMPT, RedisProcess, until } from '@cim/testkit';
import { appendOk, newPair } from '../../test/contract-fixture.ts';
import { openRedisForTest } from '../../test/redis-store.ts';
import { openRedisStore, type RedisStoreOptions } from './redis-store.ts';

const run = promisify(execFile);
const PASSWORD = 'a-password-of-redis';
const SENTINEL_PASSWORD = 'a-password-of-sentinels';

describe('Redis that lets in by certificate and password', () => {
  let dir: string;
  const file = (name: string): string => join(dir, name);
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cim-tls-'));
    const openssl = (...words: readonly string[]) => run('openssl', [...words], { cwd: dir });
    await openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=tests',
    );
    await writeFile(file('san'), 'subjectAltName=IP:127.0.0.1,DNS:redis.example\n');
    await openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'server.key',
      '-out',
      'server.csr',
      '-subj',
      '/CN=server',
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'san',
      '-out',
      'server.pem',
    );
    await writeFile(file('password'), `${PASSWORD}\n`);
    await writeFile(file('sentinel-password'), `${SENTINEL_PASSWORD}\n`);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const certificates = (): string[] => [
    ...['--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key')],
    ...['--tls-ca-cert-file', file('ca.pem')],
  ];
  /** Starts a Redis. Its plain port stays open for the questions of the test. */
  async function startRedis(
    t: TestContext,
    ...flags: readonly string[]
  ): Promise<{ redis: RedisProcess; port: number }> {
    const [port = 0] = await freePorts(1);
    const redis = await RedisProcess.start([
      ...PROMPT,
      '--tls-port',
      String(port),
      ...certificates(),
      ...flags,
    ]);
    t.after(() => redis[Symbol.asyncDispose]());
    return { redis, port };
  }
  async function works(t: TestContext, url: string, options: Partial<RedisStoreOptions>): Promise<void> {
    const store = await openRedisForTest(t, url, options);
    const { sends } = await newPair(store);
    await appendOk(store, sends.item(1));
  }
  /** The passwords in files, as a program reads them. */
  function passwordsInFiles(): Pick<RedisStoreOptions, 'redisPassword' | 'redisSentinelPassword'> {
    const schema = pick(settings, 'redisPassword', 'redisSentinelPassword');
    const read = readConfig('test', schema, [], {
      CIM_REDIS_PASSWORD_FILE: file('password'),
      CIM_REDIS_SENTINEL_PASSWORD_FILE: file('sentinel-password'),
    });
    assert.ok(read.kind === 'values');
    return read.values;
  }
  const refused = (url: string, options: Partial<RedisStoreOptions>, words: RegExp): Promise<void> =>
    assert.rejects(
      openRedisStore({ durability: 'fast', logger: silentLogger(), ...options, url }),
      (error: Error) => {
        assert.match(error.message, words);
        assert.doesNotMatch(error.message, new RegExp(`${PASSWORD}|${SENTINEL_PASSWORD}|\n`));
        return true;
      },
    );

  test('one server: by an authority of our own, a certificate of ours, a name, and a password from a file', async (t) => {
    const { redis, port } = await startRedis(t, '--tls-auth-clients', 'yes');
    await redis.cli('CONFIG', 'SET', 'requirepass', PASSWORD);
    const url = `rediss://127.0.0.1:${port}`;
    const all = {
      redisTlsCa: file('ca.pem'),
      redisTlsCert: file('server.pem'),
      redisTlsKey: file('server.key'),
      ...passwordsInFiles(),
    };
    await works(t, url, all);
    await works(t, `rediss://localhost:${port}`, { ...all, redisTlsServername: 'redis.example' });
    await refused(`rediss://localhost:${port}`, all, /CIM_REDIS_TLS_SERVERNAME/);
    await refused(url, { ...all, redisTlsCa: '' }, /cannot be used: .*certificate.*CIM_REDIS_TLS_CA/);
    await refused(url, { ...all, redisPassword: '' }, /NOAUTH .*CIM_REDIS_PASSWORD_FILE/);
    await refused(
      url,
      { ...all, redisTlsKey: '' },
      /CIM_REDIS_TLS_CERT and CIM_REDIS_TLS_KEY must be set together/,
    );
    await refused(`redis://127.0.0.1:${port}`, all, /without TLS; write rediss:/);
    await refused(`rediss://:x@127.0.0.1:${port}`, all, /give one of them/);
  });

  test('a Cluster', async (t) => {
    const { redis, port } = await startRedis(
      t,
      '--tls-auth-clients',
      'no',
      '--tls-cluster',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--cluster-enabled',
      'yes',
    );
    await redis.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until('the cluster is whole', async () =>
      /cluster_state:ok/.test(await redis.cli('CLUSTER', 'INFO')),
    );
    await redis.cli('CONFIG', 'SET', 'requirepass', PASSWORD);
    await works(t, `rediss+cluster://127.0.0.1:${port}`, {
      redisTlsCa: file('ca.pem'),
      redisPassword: PASSWORD,
    });
  });

  for (const durability of ['fast', 'quorum'] as const)
    test(`Sentinels with a password of their own, ${durability}`, async (t) => {
      const tls = ['--tls-auth-clients', 'no', '--tls-replication', 'yes'];
      const { redis, port } = await startRedis(t, ...tls);
      await startRedis(t, ...tls, '--replicaof', `127.0.0.1 ${port}`);
      await until('the replica is online', async () =>
        /state=online/.test(await redis.cli('INFO', 'replication')),
      );
      await redis.cli('CONFIG', 'SET', 'requirepass', PASSWORD);
      const [sentinelPort = 0] = await freePorts(1);
      const configuration = file(`sentinel-${durability}.conf`);
      await writeFile(
        configuration,
        `port 0\ntls-port ${sentinelPort}\nbind 127.0.0.1\ndir ${dir}\ntls-replication yes\ntls-auth-clients no\n` +
          `tls-cert-file ${file('server.pem')}\ntls-key-file ${file('server.key')}\ntls-ca-cert-file ${file('ca.pem')}\n` +
          `sentinel monitor cim 127.0.0.1 ${port} 1\nsentinel auth-pass cim ${PASSWORD}\nrequirepass ${SENTINEL_PASSWORD}\n`,
      );
      const sentinel = spawn('redis-server', [configuration, '--sentinel'], { stdio: 'ignore' });
      t.after(() => sentinel.kill('SIGKILL'));
      const words = [
        '--tls',
        '--cacert',
        file('ca.pem'),
        '-a',
        SENTINEL_PASSWORD,
        '-p',
        String(sentinelPort),
      ];
      await until('the Sentinel knows the master', async () =>
        run('redis-cli', [...words, 'SENTINEL', 'MASTER', 'cim']).then(
          ({ stdout }) => /\nflags\nmaster\n/.test(stdout),
          () => false,
        ),
      );
      const url = `rediss+sentinel://127.0.0.1:${sentinelPort}/cim`;
      const all = {
        durability,
        redisTlsCa: file('ca.pem'),
        ...passwordsInFiles(),
      };
      if (durability === 'fast') {
        await refused(
          url,
          { ...all, redisSentinelPassword: '' },
          /NOAUTH .*set CIM_REDIS_SENTINEL_PASSWORD,/,
        );
        await refused(
          url,
          { ...all, redisSentinelPassword: 'wrong' },
          /WRONGPASS .*CIM_REDIS_SENTINEL_PASSWORD /,
        );
        await refused(url, { ...all, redisPassword: '' }, /NOAUTH .*set CIM_REDIS_PASSWORD,/);
        await refused(url, { ...all, redisPassword: 'wrong' }, /WRONGPASS .*CIM_REDIS_PASSWORD /);
      }
      await works(t, url, all);
    });
});
