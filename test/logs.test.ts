/** What a server logs of its users: each login, logout and refusal, never a text, a token or a password. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { ServerProcess, until } from '@cim/testkit';

const TOKEN = 'an-admin-token-of-32-characters!!';
const PASSWORD = 'a password of alice';
const WRONG = 'not the password of alice';
const TEXT = 'a text that is nobody else’s';

test('the log has who came, went and was refused, more of one user when asked for, and no text and no secret', {
  timeout: 60_000,
}, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'cim-logs-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await using server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: join(dir, 'data'),
    CIM_ADMIN_TOKEN: TOKEN,
    CIM_TRUSTED_PROXIES: '127.0.0.1/32',
    CIM_LOG_FILE: join(dir, 'log', 'standalone.log'),
  });
  const { routeUrl, routeInternalUrl } = server;
  const ask = async (method: string, url: string, body?: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(url, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      requestId: answer.headers.get('x-request-id') ?? '',
      body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
    };
  };
  const admin = (method: string, body?: object) =>
    ask(method, `${routeInternalUrl}/admin/log`, body, { authorization: `Bearer ${TOKEN}` });
  const lines = (event: string): Record<string, unknown>[] =>
    server.log
      .split('\n')
      .filter((line) => line.includes(`"msg":"${event}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const secrets: string[] = [TOKEN, PASSWORD, WRONG, TEXT];

  const { id } = (await ask('POST', `${routeUrl}/v1/accounts`, { name: 'alice', password: PASSWORD })).body;
  const userId = Number(id);
  const refused = await ask(
    'POST',
    `${routeUrl}/v1/sessions`,
    { name: 'alice', password: WRONG },
    { 'x-request-id': 'named-by-the-proxy' },
  );
  assert.deepEqual([refused.status, refused.requestId], [401, 'named-by-the-proxy']);
  await until('the refusal is logged', () => lines('login.refused').length > 0);
  const [refusal] = lines('login.refused');
  assert.deepEqual(
    [refusal?.['userId'], refusal?.['code'], refusal?.['reqId'], refusal?.['from']],
    [userId, '9100', 'named-by-the-proxy', '127.0.0.1'],
  );

  const made = await ask('POST', `${routeUrl}/v1/sessions`, { name: 'alice', password: PASSWORD });
  secrets.push(String(made.body['secret']), String(made.body['ticket']));
  await until('the login is logged', () =>
    lines('login.placed').some(({ reqId }) => reqId === made.requestId),
  );
  assert.equal(
    (
      await ask('DELETE', `${routeUrl}/v1/sessions/default`, undefined, {
        authorization: `Bearer ${String(made.body['secret'])}`,
      })
    ).status,
    204,
  );
  await until('the logout is logged', () => lines('session.logged-out').length === 1);

  // Clients of two users; of one of them all is logged.
  const client = new CimClient({ routeUrl, userName: 'alice', password: PASSWORD, state: memoryState() });
  const other = new CimClient({ routeUrl, userName: 'bob', state: memoryState() });
  t.after(() => Promise.all([client.close(), other.close()]));
  await client.connect();
  await other.connect();
  const others = other.user?.userId ?? 0;
  await until('both sessions are logged', () => lines('session.live').length === 2);
  for (const [body, problem] of [
    [{ level: 'loud' }, /^level must be one of debug, info/],
    [{}, /^give a level, or the user/],
    [{ user: 'alice' }, /^user must be a user id/],
    [{ level: 'warn', minutes: 0 }, /^minutes must be a whole number/],
  ] as const) {
    const answer = await admin('PUT', body);
    assert.equal(answer.status, 400);
    assert.match(String(answer.body['detail']), problem);
  }
  assert.equal((await admin('PUT', { user: '999999' })).status, 404);
  assert.deepEqual(lines('frame.in'), []);
  const changed = await admin('PUT', { user: String(userId), minutes: 1 });
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  assert.ok(Date.parse(String(changed.body['endsAt'])) > Date.now());
  assert.equal((await client.send({ user: others }, [TEXT])).outcome, 'stored');
  assert.equal((await other.send({ user: userId }, [TEXT])).outcome, 'stored');
  await until('what one user does is logged', () => lines('frame.in').some(({ frame }) => frame === 'send'));
  await until('and what the user gets', () => lines('entry.out').length > 0);
  for (const line of [...lines('frame.in'), ...lines('entry.out')]) assert.equal(line['userId'], userId);
  assert.equal((await admin('DELETE')).status, 204);
  const before = lines('frame.in').length;
  assert.equal((await client.send({ user: others }, [TEXT])).outcome, 'stored');
  await client.close();
  await until('the end of the session is logged', () => lines('session.closed').length === 1);
  assert.equal(lines('frame.in').length, before);
  assert.equal(lines('session.closed')[0]?.['userId'], userId);

  // Everything at once, with the secrets and texts once more.
  assert.equal((await admin('PUT', { level: 'debug' })).status, 200);
  await ask('POST', `${routeUrl}/login?password=${encodeURIComponent(PASSWORD)}`, {
    userId,
    userName: 'alice',
    password: WRONG,
    wire: 2,
  });
  await ask('POST', `${routeUrl}/p2pRoute`, { userId: others, receiveUserId: userId, msg: TEXT });
  await other.send({ user: userId }, [TEXT]);
  await until('requests are logged', () =>
    lines('request.answered').some(({ path }) => path === '/p2pRoute'),
  );
  assert.equal(await server.end('SIGTERM'), 0);
  for (const secret of secrets) assert.ok(!server.log.includes(secret), `the log has "${secret}"`);
  const [file, ...more] = await readdir(join(dir, 'log'));
  assert.deepEqual(more, []);
  assert.match(file ?? '', /^standalone\.\d{4}-\d\d-\d\d\.1\.log$/);
  assert.equal(await readFile(join(dir, 'log', file ?? ''), 'utf8'), server.log);
});
