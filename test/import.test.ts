/**
 * Coming over from CIM: its data are laid out in a real Redis as its public source does, taken over by the program, and used by
 * unmodified CIM clients with the ids that they have.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CIM_COMMANDS, Cluster, RedisProcess, ServerProcess, UnmodifiedCimClient } from '@cim/testkit';

const program = fileURLToPath(new URL('../dist/cim.js', import.meta.url));
const ANN = 1_695_000_000_001;
const BOB = 1_695_000_000_002;
const TWIN = 1_695_000_000_003;
const ODD = 1_695_000_000_004;

let dir: string;
let cim: RedisProcess;

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cim-import-'));
  cim = await RedisProcess.start();
  const account = async (id: number | string, name: string): Promise<void> => {
    await cim.cli('SET', `cim-account:${id}`, name);
    await cim.cli('SET', name, `cim-account:${id}`);
  };
  await account(ANN, 'ann');
  // Two that registered at once: CIM's name leads to the last.
  await account(TWIN, 'bob');
  await account(BOB, 'bob');
  await account(ODD, 'odd one');
  await account('x', 'nobody');
  await cim.cli('SADD', 'login-status', String(ANN));
  await cim.cli('SET', `cim-route:${ANN}`, '127.0.0.1:11211:8081');
  const waits = async (id: string, to: number, from: number, name: string, text: string): Promise<void> => {
    const properties = { sendUserId: String(from), sendUserName: name, receiveUserId: String(to) };
    const value = { messageId: Number(id), receiveUserId: to, content: text, messageType: 0, status: 0 };
    const json = JSON.stringify({ ...value, createdAt: [2026, 4, 5, 10, 5, 13], properties });
    await cim.cli('SET', `offline:msg:${id}`, json);
    await cim.cli('RPUSH', `offline:msg:user:${to}`, id);
  };
  await waits('71', BOB, ANN, 'ann', 'first');
  await waits('72', BOB, ANN, 'ann', 'second; 第二');
  await cim.cli('RPUSH', `offline:msg:user:${BOB}`, '73');
  await cim.cli('SET', 'offline:msg:74', '{"content":');
  await cim.cli('RPUSH', `offline:msg:user:${BOB}`, '74');
  await waits('75', BOB, ODD, 'odd one', 'third');
  await waits('76', TWIN, ANN, 'ann', 'to the twin');
});
after(async () => {
  await cim[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (...words: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, 'import', ...words], { encoding: 'utf8' }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });

/** The next texts that come, of one frame or of several. */
async function waited(client: UnmodifiedCimClient, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const { text, batch } = await client.channel.next(
      'a text',
      ({ cmd }) => cmd !== CIM_COMMANDS.ping,
      10_000,
    );
    texts.push(...(text === '' ? batch : [text]));
  }
  return texts;
}

/** All that the server holds. */
async function contents(redis: RedisProcess): Promise<string> {
  const keys = (await redis.cli('--scan')).trim().split('\n').sort();
  const dumps = await Promise.all(keys.map((key) => redis.cli('DUMP', key)));
  return keys.map((key, i) => `${key} ${dumps[i] ?? ''}`).join('\n');
}

test('accounts keep their ids, texts wait for their users, and the source stays as it was', {
  timeout: 120_000,
}, async () => {
  await using cluster = await Cluster.start({ routes: 1, imServers: 1 });
  const source = await contents(cim);
  const words = ['--from', cim.url, '--redis-url', cluster.redis.url];

  const dry = await run(...words, '--dry-run');
  assert.equal(dry.code, 3, dry.err);
  assert.match(dry.out, /dry run: nothing was written/);
  assert.match(dry.out, /accounts: 5 found, 2 would be imported, 0 there before\n/);
  assert.equal(await cluster.redis.cli('EXISTS', 'x'), '0\n');

  const first = await run(...words);
  assert.equal(first.code, 3, first.err);
  assert.match(first.out, /accounts: 5 found, 2 imported, 0 there before\n/);
  assert.match(first.out, /waiting texts: 6 found, 3 imported, 0 there before, 1 expired in CIM\n/);
  assert.match(first.out, new RegExp(`account of user ${TWIN}: CIM gives the name "bob" to user ${BOB}\n`));
  assert.match(
    first.out,
    new RegExp(`account of user ${ODD}: the name "odd one": userName may hold letters`),
  );
  assert.match(first.out, /account of user x: a user id is a whole number/);
  assert.match(first.out, new RegExp(`text of user ${BOB}: text 74: it is no JSON\n`));
  assert.match(first.out, new RegExp(`text of user ${TWIN}: the account of its recipient was not taken\n`));

  // The names that it proposes, as it has printed them.
  const names = join(dir, 'names.json');
  const proposed = /^\{[^]*^\}/m.exec(first.out)?.[0] ?? '';
  assert.deepEqual(JSON.parse(proposed), { [TWIN]: 'bob-000003', [ODD]: 'odd_one-000004' });
  writeFileSync(names, proposed);
  const second = await run(...words, '--names', names);
  assert.match(second.out, /accounts: 5 found, 2 imported, 2 there before\n/);
  assert.match(second.out, /waiting texts: 6 found, 1 imported, 3 there before, 1 expired in CIM\n/);

  const again = await run(...words, '--names', names, '--json');
  assert.equal(again.code, 3);
  const { accounts, texts } = JSON.parse(again.out) as Record<string, unknown>;
  assert.deepEqual(accounts, { found: 5, imported: 0, thereBefore: 4 });
  assert.deepEqual(texts, { found: 6, imported: 0, thereBefore: 4, expired: 1 });

  const routeUrl = cluster.routes[0]?.routeUrl ?? '';
  // The id is that of CIM: a client that has it in its configuration finds its account.
  const [ann, bob] = await Promise.all(
    ['ann', 'bob'].map((name) => UnmodifiedCimClient.register(routeUrl, name)),
  );
  assert.ok(ann !== undefined && bob !== undefined);
  assert.deepEqual([ann.userId, bob.userId], [ANN, BOB]);
  try {
    await Promise.all([ann.connect(), bob.connect()]);
    await bob.fetchOffline();
    assert.deepEqual(await waited(bob, 3), ['first', 'second; 第二', 'third']);
    await ann.toUser(BOB, 'from the new server');
    assert.deepEqual(await waited(bob, 1), ['from the new server']);
    const { userId } = await UnmodifiedCimClient.register(routeUrl, 'cleo');
    assert.ok(userId < 10_000, 'ids of ours go on where they were');
  } finally {
    await Promise.all([ann.end(), bob.end()]);
  }
  assert.equal(await contents(cim), source);
});

test('into the folder of standalone, which serves them afterwards; not while it runs', {
  timeout: 60_000,
}, async () => {
  const data = join(dir, 'data');
  const first = await run('--from', cim.url, '--data-dir', data);
  assert.match(first.out, /accounts: 5 found, 2 imported, 0 there before\n/, first.err);
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: data });
  try {
    const busy = await run('--from', cim.url, '--data-dir', data);
    assert.equal(busy.code, 1);
    assert.match(busy.err, /^cim import: [^\n]*in use[^\n]*\n$/);
    const bob = await UnmodifiedCimClient.register(server.routeUrl, 'bob');
    assert.equal(bob.userId, BOB);
    await bob.connect();
    await bob.fetchOffline();
    assert.deepEqual(await waited(bob, 3), ['first', 'second; 第二', 'third']);
    await bob.end();
  } finally {
    await server.end('SIGTERM');
  }
});

test('what is no CIM, does not answer, or is said wrongly: one line each, and nothing is written', async () => {
  await using empty = await RedisProcess.start();
  await empty.cli('SET', 'something', 'else');
  const data = join(dir, 'none');
  const to = ['--data-dir', data];
  const failed = async (words: readonly string[], code: number, line: RegExp): Promise<void> => {
    const ran = await run(...words);
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, line);
    assert.equal(ran.err.trim().split('\n').length, 1, ran.err);
    assert.equal(ran.out, '');
  };
  await failed(
    ['--from', empty.url, ...to],
    1,
    /holds no account of CIM .*: is it the right server and database\?/,
  );
  await failed(
    ['--from', 'redis://127.0.0.1:1', ...to],
    1,
    /^cim import: Redis at 127\.0\.0\.1:1 does not answer: /,
  );
  await failed(to, 2, /say where CIM keeps its data: --from/);
  await failed(['--from', 'http://x', ...to], 1, /the Redis URL must look like/);
  await failed(['--from', cim.url, ...to, '--names', join(dir, 'absent.json')], 1, /the file of --names/);
  writeFileSync(join(dir, 'list.json'), '["a"]');
  await failed(['--from', cim.url, ...to, '--names', join(dir, 'list.json')], 1, /must hold one object/);
  await failed(['--from', cim.url, '--to', 'x'], 2, /--help lists the flags/);
});
