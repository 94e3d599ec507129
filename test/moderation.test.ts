/** Moderation in a whole standalone server: every door, a file of words that changes, a moderation system, kills. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { CimClient, memoryState } from '@cim/client/node';
import { CODES } from '@cim/protocol';
import { newWebhookSecret } from '@cim/outcall';
import {
  answering,
  freePorts,
  ModerationSystem,
  ServerProcess,
  UnmodifiedCimClient,
  until,
} from '@cim/testkit';

const TOKEN = 'a-token-of-thirty-two-characters!';
const WORDS = '[refuse]\nforbidden\n[mask]\nhidden\n';
const run = promisify(execFile);

let folder: string;
let system: ModerationSystem;
let server: ServerProcess;
let env: Readonly<Record<string, string>>;
let alice: CimClient;
let bob: CimClient;
/** A CIM client, and the session secret of its account over `/v1`. */
let carol: UnmodifiedCimClient;
let secret: string | undefined;
/** What bob was shown, in order: `from: text`. */
const shown: string[] = [];

const start = async (): Promise<void> => {
  server = await ServerProcess.start('standalone', env);
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cim-moderation-'));
  await writeFile(join(folder, 'words'), WORDS);
  await writeFile(join(folder, 'token'), TOKEN);
  system = await ModerationSystem.start();
  const [route = 0, tcp = 0] = await freePorts(2);
  env = {
    ...{ CIM_DATA_DIR: join(folder, 'data'), CIM_WORDS_FILE: join(folder, 'words'), CIM_ADMIN_TOKEN: TOKEN },
    ...{ CIM_MODERATION_URL: system.url, CIM_MODERATION_SECRET: newWebhookSecret() },
    ...{
      CIM_MODERATION_FALLBACK: 'hold',
      CIM_MODERATION_DEADLINE_MS: '60000',
      CIM_OUTCALL_HOSTS: '127.0.0.1',
    },
    ...{ CIM_ROUTE_PORT: String(route), CIM_TCP_PORT: String(tcp) },
  };
  await start();
  const clientOf = (userName: string): CimClient =>
    new CimClient({ routeUrl: server.routeUrl, userName, state: memoryState() });
  [alice, bob] = [clientOf('alice'), clientOf('bob')];
  bob.on('message', ({ from, texts }) => shown.push(`${from.userName}: ${texts.join()}`));
  bob.on('edited', ({ texts }) => shown.push(`edited: ${texts.join()}`));
  await alice.connect();
  await bob.connect();
  carol = await UnmodifiedCimClient.register(server.routeUrl, 'carol');
  const session = await v1('POST', '/sessions', { name: 'carol' });
  secret = String(session.body['secret']);
});

after(async () => {
  await Promise.all([alice.close(), bob.close()]);
  await server.end();
  await system[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function v1(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(`${server.routeUrl}/v1${path}`, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const bobId = (): number => bob.user?.userId ?? 0;
const codeOf = (outcome: { readonly outcome: string; readonly code?: string }): string =>
  outcome.code ?? outcome.outcome;
const admin = async (...words: string[]): Promise<Record<string, unknown>> => {
  const at = ['--route-internal', server.routeInternalUrl, '--token-file', join(folder, 'token'), '--json'];
  const { stdout } = await run(process.execPath, ['dist/cim.js', 'admin', ...words, ...at]);
  return JSON.parse(stdout) as Record<string, unknown>;
};

async function cimPath(path: string, body: object): Promise<string> {
  const answer = await fetch(server.routeUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId: carol.userId, ...body }),
  });
  return `${answer.status} ${((await answer.json()) as { code: string }).code}`;
}

/** Sends a text by each door. Answers the codes, `stored` or 9000 for a stored one. */
const doors: Readonly<Record<string, (text: string) => Promise<string>>> = {
  tcp: async (text) => codeOf(await alice.send({ user: bobId() }, text)),
  'tcp, to a group': async (text) => codeOf(await alice.send({ group: 'lobby' }, text)),
  v1: async (text) => {
    const { status, body } = await v1('POST', '/messages', { to: { user: String(bobId()) }, texts: [text] });
    return status === 201 ? 'stored' : `${status} ${String(body['code'])}`;
  },
  p2pRoute: (text) => cimPath('/p2pRoute', { receiveUserId: bobId(), msg: text }),
  groupRoute: (text) => cimPath('/groupRoute', { msg: text }),
  sendMsg: async (text) => {
    const key = (await readFile(join(folder, 'data', 'cluster-secret'), 'utf8')).trim();
    const answer = await fetch(`http://127.0.0.1:${server.httpPort}/sendMsg`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ userId: bobId(), msg: text, properties: { sendUserId: carol.userId } }),
    });
    return `${answer.status} ${((await answer.json()) as { code: string }).code}`;
  },
};

test('sensitive words apply on every door alike', async () => {
  const refused: Record<string, string> = {};
  for (const [door, send] of Object.entries(doors)) refused[door] = await send('it is for-bid-den');
  assert.deepEqual(refused, {
    ...{ tcp: '9535', 'tcp, to a group': '9535', v1: '403 9535' },
    ...{ p2pRoute: '400 9535', groupRoute: '400 9535', sendMsg: '200 9535' },
  });
  for (const [door, send] of Object.entries(doors)) await send(`${door}: HIDDEN`);
  await until('bob was shown all', () => shown.length === 6);
  assert.deepEqual(
    new Set(shown),
    new Set(Object.keys(doors).map((door) => `${/tcp/.test(door) ? 'alice' : 'carol'}: ${door}: ******`)),
  );
  const own = await v1('GET', `/conversations/u${bobId()}/messages`);
  const items = own.body['items'] as { texts: string[] }[];
  assert.deepEqual(
    items.map(({ texts }) => texts[0]),
    ['v1', 'p2pRoute', 'sendMsg'].map((door) => `${door}: ******`),
  );
});

test('scheduled messages and edits are checked too', async () => {
  shown.length = 0;
  const to = { user: String(bobId()) };
  const later = await v1('POST', '/messages', { to, texts: ['forbidden'], sendAfter: 0 });
  assert.equal(later.status, 202, JSON.stringify(later.body));
  await until('it is refused', async () => {
    const { items } = (await v1('GET', '/scheduled')).body as {
      items: { state: string; problem?: { code: string } }[];
    };
    return items[0]?.state === 'refused' && items[0].problem?.code === CODES.moderated.code;
  });
  const message = await v1('POST', '/messages', { to, texts: ['fine'] });
  const edit = (text: string): Promise<Answer> =>
    v1('POST', '/messages', { to, type: 'edit', ref: message.body['id'], texts: [text] });
  assert.equal((await edit('forbidden')).status, 403);
  assert.equal((await edit('hidden')).status, 201);
  await until('bob was shown the edit', () => shown.includes('edited: ******'));
  assert.deepEqual(shown, ['carol: fine', 'edited: ******']);
});

/** In one step: a file that is written may be read when it is half written. */
async function setWords(text: string): Promise<void> {
  await writeFile(join(folder, 'words.next'), text);
  await rename(join(folder, 'words.next'), join(folder, 'words'));
}

test('the file of words is read again when it changes; one that is broken shows in /readyz and changes nothing', async () => {
  await setWords(`${WORDS}[refuse]\nnewest\n`);
  const to = { user: bobId() };
  await until('the new word is refused', async () => codeOf(await alice.send(to, 'newest')) === '9535');
  await setWords('newest\n');
  const ready = async (): Promise<{ ready: boolean; moderation?: string[] }> =>
    (await (await fetch(`${server.routeInternalUrl}/readyz`)).json()) as { ready: boolean };
  const problem = /^CIM_WORDS_FILE cannot be used, the words before stay in use: line 1 has a word/;
  await until('the broken file shows', async () => problem.test((await ready()).moderation?.[0] ?? ''));
  assert.equal((await ready()).ready, true);
  assert.equal(codeOf(await alice.send(to, 'newest')), '9535');
  await setWords(WORDS);
  await until('it is well again', async () => (await ready()).moderation === undefined);
});

test('messages that are sent together and held wait once each', async () => {
  system.answer = answering({ action: 'hold' });
  const to = { user: bobId() };
  const texts = ['first', 'second', 'third'];
  const outcomes = await Promise.all(texts.map((text) => alice.send(to, text)));
  assert.deepEqual(outcomes.map(codeOf), Array(3).fill(CODES.held.code));
  const held = (await admin('held', 'list'))['items'] as { held: string; texts: string[] }[];
  assert.deepEqual(
    held.map((one) => one.texts[0]),
    texts,
  );
  for (const one of held) assert.equal((await admin('held', 'refuse', one.held))['outcome'], 'refused');
});

test('a send whose answer the moderation system owes when the server is killed is stored once; a held one survives, and comes when it is allowed', {
  timeout: 120_000,
}, async () => {
  const to = { user: bobId() };
  system.answer = answering({ action: 'hold', reason: 'a link' });
  assert.equal(codeOf(await alice.send(to, 'held')), CODES.held.code);
  system.answer = () => undefined;
  shown.length = 0;
  // The test before sent this word until it was refused.
  const seen = (): string[] => shown.filter((line) => line !== 'alice: newest');
  system.questions.length = 0;
  const owed = alice.send(to, 'owed');
  await until('the system is asked', () => system.questions.length > 0);
  await server.end('SIGKILL');
  system.answer = answering({ action: 'replace', texts: ['replaced'] });
  await start();
  assert.equal(codeOf(await owed), 'stored');
  await until('bob was shown it', () => seen().length > 0);
  const { items, waiting } = await admin('held', 'list');
  const [held, ...more] = items as { held: string; texts: string[]; reason: string }[];
  assert.deepEqual([held?.texts, held?.reason, more, waiting], [['held'], 'a link', [], 1]);
  await until('the look at the texts of others is logged', () => server.log.includes('"act":"held.list"'));
  assert.equal((await admin('held', 'allow', held?.held ?? ''))['outcome'], 'stored');
  await until('bob was shown both', () => seen().length === 2);
  assert.deepEqual(seen(), ['alice: replaced', 'alice: held']);
});

test('while the moderation system is away messages are held, and a refused one is told to its sender', async () => {
  await system[Symbol.asyncDispose]();
  const to = { user: bobId() };
  assert.equal(codeOf(await alice.send(to, 'unchecked')), CODES.held.code);
  assert.equal(await doors['v1']?.('unchecked'), '403 9536');
  const told: string[] = [];
  alice.on('unsent', ({ code, text }) => told.push(`${code} ${text}`));
  const { items } = await admin('held', 'list');
  const [first] = items as { held: string; reason: string }[];
  assert.match(first?.reason ?? '', /^not checked: /);
  assert.equal(
    (await admin('held', 'refuse', first?.held ?? '', '--reason', 'not now'))['outcome'],
    'refused',
  );
  await until('alice is told', () => told.length > 0);
  assert.deepEqual(told, ['9535 not now']);
  const page = await (await fetch(`${server.routeInternalUrl}/metrics`)).text();
  assert.match(page, /^cim_moderation_failing\{[^}]*\} 1$/m);
  assert.match(page, /^cim_moderated_total\{by="hook",outcome="fallback"[^}]*\} [2-9]$/m);
});
