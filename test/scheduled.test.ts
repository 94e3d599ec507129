/** Messages that are to be sent later, while every process that has to do with them is killed at the time when they are due. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cluster, freePorts, ServerProcess, until } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Messages of one user, and over how long they become due [ms]. */
const MESSAGES = 160;
const SPREAD_MS = 2_000;

interface Person {
  readonly id: string;
  readonly secret: string;
}

async function ask(
  route: string,
  method: string,
  path: string,
  body?: object,
  secret = '',
): Promise<Record<string, unknown>> {
  const answer = await fetch(`${route}/v1${path}`, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(secret !== '' && { authorization: `Bearer ${secret}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const given = (await answer.json()) as Record<string, unknown>;
  if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(given)}`);
  return given;
}

async function signIn(route: string, name: string): Promise<Person> {
  const { id } = await ask(route, 'POST', '/accounts', { name });
  const { secret } = await ask(route, 'POST', '/sessions', { name });
  return { id: String(id), secret: String(secret) };
}

/** All that both have said, oldest first. */
async function textsOf(route: string, reader: Person, peer: Person): Promise<string[]> {
  const texts: string[] = [];
  for (let before = ''; ; ) {
    const path = `/conversations/u${peer.id}/messages?limit=100${before && `&before=${before}`}`;
    const page = await ask(route, 'GET', path, undefined, reader.secret);
    const items = page['items'] as { readonly texts: readonly string[] }[];
    texts.unshift(...items.map((item) => item.texts.join()));
    if (typeof page['next'] !== 'string') return texts;
    before = page['next'];
  }
}

const waiting = async (route: string, of: Person): Promise<readonly unknown[]> => {
  const { items } = await ask(route, 'GET', '/scheduled', undefined, of.secret);
  return items as unknown[];
};

/** In waves, so that nobody waits for the sum of all answers. */
async function schedule(route: string, from: Person, to: Person, dueAt: number): Promise<string[]> {
  const texts = Array.from({ length: MESSAGES }, (_, i) => `text ${i}`);
  for (let i = 0; i < MESSAGES; i += 40)
    await Promise.all(
      texts.slice(i, i + 40).map((text, n) => {
        const sendAt = new Date(dueAt + ((i + n) * SPREAD_MS) / MESSAGES).toISOString();
        return ask(route, 'POST', '/messages', { to: { user: to.id }, texts: [text], sendAt }, from.secret);
      }),
    );
  return texts;
}

const reached = (time: number): Promise<void> =>
  until(`it is ${new Date(time).toISOString()}`, () => Date.now() >= time);

test('each is sent once, though im-servers, Redis, the route and the terminal that scheduled it are killed', {
  timeout: 60_000,
}, async () => {
  const env = { CIM_LIMIT_SCHEDULED: '1000' };
  await using cluster = await Cluster.start({ routes: 1, imServers: 2, env });
  const [first] = cluster.routes;
  assert.ok(first);
  const [ann, ben] = [await signIn(first.routeUrl, 'ann'), await signIn(first.routeUrl, 'ben')];
  const state = await mkdtemp(join(tmpdir(), 'cim-scheduled-'));
  try {
    const dueAt = Date.now() + 3_000;
    const texts = await schedule(first.routeUrl, ann, ben, dueAt);
    await scheduleByTerminal(first.routeUrl, state);

    await reached(dueAt + 300);
    await cluster.imServers[0]?.end();
    await reached(dueAt + 600);
    await cluster.redis.kill();
    await first.end();
    await cluster.redis.start();
    await reached(dueAt + 1_200);
    await cluster.imServers[1]?.end();
    const [route] = await Promise.all([
      ServerProcess.start('route', { CIM_REDIS_URL: cluster.redis.url, CIM_ZK: cluster.zooKeeper.address }),
      cluster.startImServer(),
    ]);
    await using again = route;
    await until('all are sent', async () => (await waiting(again.routeUrl, ann)).length === 0);
    const got = await textsOf(again.routeUrl, ben, ann);
    assert.deepEqual(got.filter((text) => text.startsWith('text')).sort(), texts.sort());
    // The sender's side has them once, too.
    assert.deepEqual((await textsOf(again.routeUrl, ann, ben)).sort(), got.sort());
    const cleo = await ask(again.routeUrl, 'POST', '/sessions', { name: 'cleo' });
    const said = { id: '', secret: String(cleo['secret']) };
    await until(
      'what the terminal scheduled is sent',
      async () => (await waiting(again.routeUrl, said)).length === 0,
    );
    const users = await ask(again.routeUrl, 'GET', '/users?name=cleo');
    const fromCleo = await textsOf(again.routeUrl, ben, { id: String(users['id']), secret: '' });
    assert.deepEqual(fromCleo, ['from a terminal that is gone']);
  } finally {
    await rm(state, { recursive: true });
  }
});

/** The terminal is killed as soon as it has said that the message is scheduled. */
async function scheduleByTerminal(route: string, state: string): Promise<void> {
  const flags = ['--name', 'cleo', '--route', route, '--state-dir', state];
  const client = spawn(process.execPath, [join(ROOT, 'dist/cli-client.js'), ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  client.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  client.stdin.write(':delay ben;;from a terminal that is gone 2\n');
  await until('the terminal has scheduled it', () => said.includes('in 2 s'));
  const gone = new Promise((resolve) => client.once('close', resolve));
  client.kill('SIGKILL');
  await gone;
}

test('each is sent once by one process on the embedded store, though it is killed again and again', {
  timeout: 60_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cim-scheduled-'));
  const [route = 0, tcp, http] = await freePorts(3);
  const env = { CIM_ROUTE_PORT: String(route), CIM_TCP_PORT: String(tcp), CIM_HTTP_PORT: String(http) };
  const start = () =>
    ServerProcess.start('standalone', { ...env, CIM_DATA_DIR: dataDir, CIM_LIMIT_SCHEDULED: '1000' });
  const url = `http://127.0.0.1:${route}`;
  let server = await start();
  try {
    const [ann, ben] = [await signIn(url, 'ann'), await signIn(url, 'ben')];
    const dueAt = Date.now() + 1_500;
    const texts = await schedule(url, ann, ben, dueAt);
    for (let kill = 1; kill <= 2; kill++) {
      await reached(dueAt + kill * 450);
      await server.end();
      server = await start();
    }
    await until('all are sent', async () => (await waiting(url, ann)).length === 0);
    assert.deepEqual((await textsOf(url, ben, ann)).sort(), texts.sort());
    assert.equal((await textsOf(url, ann, ben)).length, MESSAGES);
  } finally {
    await server.end();
    await rm(dataDir, { recursive: true });
  }
});
