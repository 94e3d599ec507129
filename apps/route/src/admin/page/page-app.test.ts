/** The login of the operators' page, by plain HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_TOKEN, RunningRoute } from '../../../test/running-route.ts';

const PAGE = { 'x-cim-page': '1' };

const start = async (adminToken = ADMIN_TOKEN) => {
  const at = await RunningRoute.start({ config: { adminToken } });
  const { url, port, host } = at.route.internal;
  const ask = (method: string, path: string, headers: Record<string, string> = PAGE, body?: object) =>
    fetch(`${url}/admin${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const logIn = async (token = ADMIN_TOKEN): Promise<string> => {
    const answer = await ask('POST', '/session', PAGE, { token });
    assert.equal(answer.status, 204);
    return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  };
  const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status;
  return { at, ask, logIn, statusOf, origin: `http://${host}:${port}`, port };
};
const detailOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { detail: string }).detail;

test('the admin token becomes a cookie that no script reads and no other site sends; a wrong one does not', async (t) => {
  const { at, ask, port } = await start();
  t.after(() => at.stop());
  const answer = await ask('POST', '/session', PAGE, { token: ADMIN_TOKEN });
  assert.equal(answer.status, 204);
  const [pair = '', ...flags] = (answer.headers.get('set-cookie') ?? '').split('; ');
  assert.match(pair, new RegExp(`^cim-admin-${port}=[\\w-]{43}$`));
  assert.deepEqual(flags, ['Path=/admin', 'HttpOnly', 'SameSite=Strict', 'Max-Age=43200']);
  assert.ok(!pair.includes(ADMIN_TOKEN));
  for (const [token, status] of [
    ['', 401],
    [`${ADMIN_TOKEN}x`, 401],
    ['x'.repeat(2_000), 401],
    [7, 400],
  ] as const) {
    const refused = await ask('POST', '/session', PAGE, { token });
    assert.equal(refused.status, status);
    assert.equal(refused.headers.get('set-cookie'), null);
    assert.match(await detailOf(refused), /^[^\n]+$/);
  }
});

test('the cookie opens the admin API to requests of the page, and to no others', async (t) => {
  const { at, ask, logIn, statusOf, origin } = await start();
  t.after(() => at.stop());
  const cookie = await logIn();
  assert.equal(await statusOf('GET', '/servers', { ...PAGE, cookie }), 200);
  assert.equal(await statusOf('GET', '/servers', { ...PAGE, cookie: `other=1; ${cookie}` }), 200);
  const own = { ...PAGE, cookie, origin, 'sec-fetch-site': 'same-origin' };
  assert.equal(await statusOf('GET', '/servers', own), 200);
  assert.equal(await statusOf('POST', '/users/nobody/kick', own, {}), 404);
  for (const headers of [
    { cookie },
    { ...own, 'sec-fetch-site': 'same-site' },
    { ...own, 'sec-fetch-site': 'none' },
    { ...own, origin: 'http://127.0.0.1:1' },
    { ...own, origin: 'null' },
  ]) {
    const refused = await ask('POST', '/users/nobody/kick', headers, {});
    assert.equal(refused.status, 403, JSON.stringify(headers));
    assert.match(await detailOf(refused), /^(this request comes|a request with the cookie needs)[^\n]*$/);
    assert.equal(await statusOf('POST', '/session', { ...headers, cookie: '' }, { token: ADMIN_TOKEN }), 403);
    assert.equal(await statusOf('DELETE', '/session', headers), 403);
  }
  assert.equal(await statusOf('GET', '/servers', own), 200, 'nothing of that has ended the session');
  // A request with a token of its own needs no cookie, and is not held to be of the page.
  const bearer = { authorization: `Bearer ${ADMIN_TOKEN}`, 'sec-fetch-site': 'cross-site' };
  assert.equal(await statusOf('GET', '/servers', bearer), 200);
  assert.equal(await statusOf('GET', '/servers', { ...own, authorization: 'Bearer wrong' }), 401);
});

test('a logout ends the session itself, not only its cookie; another login ends the one before', async (t) => {
  const { at, ask, logIn, statusOf } = await start();
  t.after(() => at.stop());
  const cookie = await logIn();
  const out = await ask('DELETE', '/session', { ...PAGE, cookie });
  assert.equal(out.status, 204);
  assert.match(out.headers.get('set-cookie') ?? '', /=; .*Max-Age=0$/);
  const ended = await ask('GET', '/servers', { ...PAGE, cookie });
  assert.equal(ended.status, 401);
  assert.match(await detailOf(ended), /has ended; log in again$/);
  assert.equal(await statusOf('DELETE', '/session', { ...PAGE, cookie }), 204, 'again');
  const first = await logIn();
  const again = await ask('POST', '/session', { ...PAGE, cookie: first }, { token: ADMIN_TOKEN });
  assert.equal(again.status, 204);
  assert.equal(await statusOf('GET', '/servers', { ...PAGE, cookie: first }), 401);
});

test('an API key with the scope admin opens the page until it is revoked; one without does not', async (t) => {
  const { at, ask, logIn, statusOf } = await start();
  t.after(() => at.stop());
  const make = async (scopes: string[]) =>
    (await at.admin('POST', '/api-keys', { label: 'page', scopes })).body as { id: string; key: string };
  const { id, key } = await make(['admin']);
  const cookie = await logIn(key);
  assert.equal(await statusOf('GET', '/servers', { ...PAGE, cookie }), 200);
  assert.equal((await at.admin('DELETE', `/api-keys/${id}`)).status, 204);
  assert.equal(await statusOf('GET', '/servers', { ...PAGE, cookie }), 401);
  const sender = await make(['send']);
  assert.equal((await ask('POST', '/session', PAGE, { token: sender.key })).status, 403);
});

test('without a token the page is not there, whatever the path, and one line says why', async (t) => {
  const { at, ask } = await start('');
  t.after(() => at.stop());
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/'],
    ['GET', '/page/page.js'],
    ['POST', '/session'],
  ] as const) {
    const answer = await ask(method, path, PAGE, method === 'POST' ? { token: '' } : undefined);
    assert.equal(answer.status, 404, path);
    assert.match(await detailOf(answer), /^the admin API is off: set CIM_ADMIN_TOKEN [^\n]*$/);
  }
});
