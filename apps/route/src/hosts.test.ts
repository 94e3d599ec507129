import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { RunningRoute } from '../test/running-route.ts';

/** Uses node:http, since `fetch` does not let a caller set `Host`. */
async function ask(at: RunningRoute, host: string, path: string, body?: string) {
  const asked = request({
    host: at.route.host,
    port: at.route.port,
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers: { host, ...(body !== undefined && { 'content-type': 'application/json' }) },
  });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return { status: answer.statusCode, text };
}

test('a page whose own name points to this machine is refused on every path, and nothing is done', async (t) => {
  const at = await RunningRoute.start();
  t.after(() => at.stop());
  for (const path of ['/onlineUser', '/metrics', '/healthz', '/documentation/json', '/nowhere']) {
    const { status, text } = await ask(at, 'evil.example:8083', path);
    assert.equal(status, 403, path);
    const { code, message, dataBody } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual([code, dataBody], ['3000', null]);
    assert.match(String(message), /^[^\n]*CIM_ALLOWED_HOSTS$/);
  }
  const { status } = await ask(at, 'evil.example', '/registerAccount', '{"userName":"mallory"}');
  assert.equal(status, 403);
  assert.equal(await at.store.accounts.byName('mallory'), undefined);
  for (const host of ['localhost', '127.0.0.1:8083', '[::1]:1'])
    assert.equal((await ask(at, host, '/onlineUser')).status, 200, host);
});

test('a listed name, as a proxy in front passes it on, is accepted', async (t) => {
  const at = await RunningRoute.start({ config: { allowedHosts: ['chat.example'] } });
  t.after(() => at.stop());
  assert.equal((await ask(at, 'Chat.example:443', '/onlineUser')).status, 200);
  assert.equal((await ask(at, 'evil.example', '/onlineUser')).status, 403);
});
