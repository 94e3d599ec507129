/** The answers of the internal port while the store fails. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import type { SendReceipt } from '@cim/delivery';
import { CODES, type MessageId, type Seq, type UserId } from '@cim/protocol';
import { createMetrics, silentLogger } from '@cim/runtime';
import { type Account, type ApiKey, newApiKey, type Store } from '@cim/store';
import { createInternalHttp } from './internal-http.ts';

const KEY = 'key-of-sendMsg';
/** The key of the second secret, while the cluster secret is being replaced. */
const OTHER_KEY = 'other-key-of-sendMsg';
const SENDER = { userId: 7, userName: 'ida' } as Account;
const body = JSON.stringify({ userId: 8, msg: 'hi', properties: { sendUserId: 7 } });

let server: Server;
let url: string;
let receipt: SendReceipt;
let storeFails = false;
let suspendedMs = 0;
const apiKeys = new Map<string, ApiKey>();
let missing: string[] = [];

const answersUnlessFailing = <T>(answer: T): Promise<T> =>
  storeFails ? Promise.reject(new Error('no answer')) : Promise.resolve(answer);

before(async () => {
  server = await createInternalHttp({
    store: {
      accounts: { byId: () => answersUnlessFailing(SENDER) },
      apiKeys: {
        find: (id: string) => answersUnlessFailing(apiKeys.get(id)),
        used: () => Promise.resolve(),
      },
      ping: () => answersUnlessFailing(undefined),
    } as unknown as Store,
    sends: { sendKeyed: () => Promise.resolve({ receipt, id: '7:p:0' as MessageId }) },
    suspensions: { leftMs: () => suspendedMs },
    logger: silentLogger(),
    metrics: createMetrics({ program: 'test' }),
    sendKeys: () => [KEY, OTHER_KEY],
    hostProblem: () => undefined,
    missing: () => missing,
    moderationProblems: () => [],
  });
  await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

async function send(key = KEY): Promise<{ status: number; retryAfter: string | null; code: unknown }> {
  const authorization = `Bearer ${key}`;
  const answer = await fetch(`${url}/sendMsg`, { method: 'POST', headers: { authorization }, body });
  const { code } = (await answer.json()) as Record<string, unknown>;
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), code };
}

test('/sendMsg takes the keys of all accepted secrets, and no other', async () => {
  receipt = { outcome: 'refused', code: CODES.limited.code, text: 'full' };
  for (const key of [KEY, OTHER_KEY]) assert.equal((await send(key)).status, 200);
  assert.equal((await send('another-key')).status, 401);
});

test('/sendMsg takes API keys with the scope `send`, for the user that the key acts for', async () => {
  receipt = { outcome: 'stored', seq: 1 as Seq, n: 1, storedAt: 1, online: true };
  const make = (more: Partial<ApiKey> = {}): string => {
    const { key, id, hash } = newApiKey();
    apiKeys.set(id, { ...{ id, hash, label: 'a shop', scopes: ['send'], createdAt: 1 }, ...more });
    return key;
  };
  const [any, bound] = [make(), make({ user: SENDER.userId })];
  for (const key of [any, bound]) {
    const { status, code } = await send(key);
    assert.deepEqual([status, code], [200, '9000']);
  }
  for (const [key, status, code] of [
    [make({ scopes: ['read', 'admin'] }), 403, '9503'],
    [make({ expiresAt: 2 }), 401, '9504'],
    [`${any.slice(0, -4)}AAAA`, 401, '9100'],
    [make({ user: 9 as UserId }), 200, '9503'],
  ] as const) {
    const refused = await send(key);
    assert.deepEqual([refused.status, refused.code], [status, code]);
  }
  suspendedMs = 1;
  assert.equal((await send(any)).code, '9500');
  suspendedMs = 0;
  storeFails = true;
  assert.equal((await send(any)).status, 503);
  storeFails = false;
});

test('/sendMsg answers 503 and a time to wait when a message is not stored', async () => {
  receipt = { outcome: 'retry', code: CODES.failure.code, text: 'away' };
  assert.deepEqual(await send(), { status: 503, retryAfter: '1', code: '4000' });
  receipt = { outcome: 'refused', code: CODES.limited.code, text: 'full' };
  assert.deepEqual(await send(), { status: 200, retryAfter: null, code: CODES.limited.code });
});

test('a store that does not answer makes /sendMsg 503 and /readyz say so, and health and metrics go on', async () => {
  storeFails = true;
  missing = ['lease: lost'];
  try {
    assert.deepEqual(await send(), { status: 503, retryAfter: '1', code: '4000' });
    const readyz = await fetch(`${url}/readyz`);
    assert.equal(readyz.status, 503);
    assert.deepEqual(await readyz.json(), {
      ready: false,
      missing: ['lease: lost', 'store: Error: no answer'],
    });
    for (const path of ['/healthz', '/metrics']) assert.equal((await fetch(`${url}${path}`)).status, 200);
  } finally {
    storeFails = false;
    missing = [];
  }
  assert.deepEqual(await (await fetch(`${url}/readyz`)).json(), { ready: true, missing: [] });
});

test('bytes that are not HTTP end their own connection only, without an answer', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.on('error', () => undefined).write('\0\0\0\0\r\n\r\n');
  await once(socket, 'close');
  assert.equal(answer, '');
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
});
