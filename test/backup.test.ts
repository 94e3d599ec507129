/** Backups of real servers under load, put back; of Redis by the very commands that docs/operations.md has. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { encodeContent, inboxOf, type ProducerId, type UserId, type UserName } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { openRedisStore, type Store } from '@cim/store';
import { freePorts, RedisProcess, ServerProcess, until } from '@cim/testkit';

const TOKEN = 'a-token-of-thirty-two-characters!';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cim-backup-'));
});
after(() => rm(dir, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (
  program: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(program, words, { env: { PATH: process.env['PATH'], ...env } }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });

test('a standalone server is copied while people talk, dies, and its copy goes on in its place', {
  timeout: 120_000,
}, async () => {
  const env = { CIM_ADMIN_TOKEN: TOKEN };
  const [routePort = 0] = await freePorts(1);
  const start = (data: string) =>
    ServerProcess.start('standalone', { ...env, CIM_DATA_DIR: data, CIM_ROUTE_PORT: String(routePort) });
  let server = await start(join(dir, 'first'));
  const admin = (...words: readonly string[]) =>
    run(process.execPath, ['dist/cim.js', 'admin', ...words], {
      ...env,
      CIM_ROUTE_INTERNAL: server.routeInternalUrl,
    });
  const client = (userName: string) =>
    new CimClient({ routeUrl: `http://127.0.0.1:${routePort}`, userName, state: memoryState() });
  const [ann, bob] = [client('ann'), client('bob')];
  const shown: string[] = [];
  bob.on('message', ({ texts }) => void shown.push(...texts));
  try {
    await Promise.all([ann.connect(), bob.connect()]);
    const to = { user: bob.user?.userId ?? (0 as UserId) };
    const sent: Promise<unknown>[] = [];
    let stored = 0;
    const talk = setInterval(() => {
      sent.push(
        ann.send(to, [`text ${sent.length}`]).then(({ outcome }) => (stored += outcome === 'stored' ? 1 : 0)),
      );
    }, 5);
    await until('some are stored', () => stored >= 100);
    const before = stored;
    const copy = join(dir, 'copy');
    const made = await admin('backup', copy);
    clearInterval(talk);
    await Promise.all(sent);
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /copy: \d+ records, \d+ bytes\n$/);
    assert.match(
      (await admin('backup', copy)).out,
      /has failed: .* is there already; name a folder that is not\n$/,
    );
    const relative = await admin('backup', 'show', '--json');
    assert.equal((JSON.parse(relative.out) as { state: string }).state, 'failed');
    assert.match(server.log, /"act":"backup.begin"/);

    const inUse = await admin('verify', join(dir, 'first'));
    assert.equal(inUse.code, 1);
    assert.match(inUse.err, /^cim admin: [^\n]* is in use by another process[^\n]*\n$/);
    await server.end('SIGKILL');
    const verified = await admin('verify', copy);
    assert.deepEqual([verified.code, verified.err], [0, '']);
    assert.match(verified.out, /copy: 2 accounts, \d+ logs, 0 problems\n$/);
    const restored = await admin('restore', copy, join(dir, 'second'));
    assert.equal(restored.code, 0, restored.err);
    const again = await admin('restore', copy, join(dir, 'second'));
    assert.equal(again.code, 1);
    assert.match(again.err, /second is there already/);

    server = await start(join(dir, 'second'));
    await ann.send(to, ['after the restore']);
    await until('the conversation goes on', () => shown.includes('after the restore'));
    const kept = new Set<string>();
    for (let older: string | undefined; ; ) {
      const page = await bob
        .conversation(`u${ann.user?.userId ?? 0}`)
        .messages({ limit: 100, ...(older !== undefined && { before: older }) });
      for (const { texts } of page.items) kept.add(texts[0] ?? '');
      older = page.next;
      if (older === undefined) break;
    }
    // What was stored before the copy was begun is in it.
    for (let i = 0; i < before; i++) assert.ok(kept.has(`text ${i}`), `text ${i}`);
    assert.ok(kept.has('after the restore'));
  } finally {
    await Promise.all([ann.close(), bob.close()]);
    await server.end('SIGKILL');
  }
});

test('Redis is copied and put back by the commands of docs/operations.md', { timeout: 60_000 }, async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() });
  const accounts = await Promise.all(['ann', 'bob'].map((name) => store.accounts.register(name as UserName)));
  const [ann, bob] = accounts.map(({ account }) => account);
  assert.ok(ann !== undefined && bob !== undefined);
  const inbox = inboxOf(bob.userId);
  const append = (to: Store, counter: number): Promise<string> =>
    new Promise((resolve) =>
      to.streams.append(
        {
          ...{ stream: inbox, sender: ann, counter, producer: 'producer-of-a-test' as ProducerId },
          ...{
            digest: String(counter).padStart(22, '0'),
            content: encodeContent({ texts: [`text ${counter}`] }),
          },
        },
        ({ outcome }) => resolve(outcome),
      ),
    );
  for (let i = 1; i <= 20; i++) assert.equal(await append(store, i), 'ok');
  const page = readFileSync('docs/operations.md', 'utf8');
  const [, commands = ''] = /<!-- redis-backup -->\n```sh\n([^]*?)```/.exec(page) ?? [];
  assert.match(commands, /--rdb/);
  const [port = 0] = await freePorts(1);
  const folder = join(dir, 'redis');
  const ran = await run('bash', ['-euo', 'pipefail', '-c', commands], {
    OLD: redis.url,
    NEW: `redis://127.0.0.1:${port}`,
    NEW_PORT: String(port),
    FOLDER: folder,
    BACKUP: join(dir, 'backup.rdb'),
  });
  assert.equal(ran.code, 0, ran.err);
  assert.ok(existsSync(join(folder, 'appendonlydir')));
  await store.stop();
  // It was stopped at the end; as usual it is started with its append-only file.
  const copy = await RedisProcess.start(['--dir', folder]);
  t.after(() => copy[Symbol.asyncDispose]());
  const restored = await openRedisStore({ url: copy.url, durability: 'disk', logger: silentLogger() });
  t.after(() => restored.stop());
  assert.equal((await restored.streams.position(inbox)).top, 20);
  assert.equal(await append(restored, 20), 'duplicate');
  assert.equal(await append(restored, 21), 'ok');
});
