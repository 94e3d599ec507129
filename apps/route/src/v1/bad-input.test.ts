/**
 * The answers of `/v1` to wrong requests: each has its own code, status and one sentence, and nothing is
 * stored.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { groupStream, inboxOf, LOBBY, type UserId } from '@cim/protocol';
import { pageCursor } from '@cim/store';
import { RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

describe('bad input', { concurrency: false }, () => {
  let at: RunningRoute;
  let v1: V1Client;
  let ada: { id: string; secret: string };
  before(async () => {
    at = await RunningRoute.start();
    v1 = await V1Client.of(at.route);
    ada = await v1.join('ada');
  });
  after(() => at.stop());

  type Row = readonly [
    method: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
    detail: RegExp,
    headers?: Record<string, string>,
  ];

  /** Sends each row in order, as ada. */
  async function check(rows: readonly Row[]): Promise<void> {
    for (const [method, path, body, status, code, detail, headers] of rows) {
      const answer = await v1.ask(method, path, body, ada.secret, headers);
      const saying = `${method} ${path} ${JSON.stringify(body ?? '').slice(0, 200)}: ${JSON.stringify(answer.body)}`;
      assert.deepEqual([answer.status, answer.body?.['code']], [status, code], saying);
      assert.match(String(answer.body?.['detail']), detail, saying);
    }
  }

  test('paths, methods and bodies', async () => {
    await check([
      ['GET', '/nothing', undefined, 404, '3000', /^there is no GET \/v1\/nothing here$/],
      ['GET', '', undefined, 404, '3000', /^there is no GET \/v1 here$/],
      ['GET', '/users/%zz', undefined, 404, '3000', /%zz/],
      ['DELETE', '/messages', undefined, 405, '3000', /^DELETE is not allowed here; POST is$/],
      ['GET', '/messages', undefined, 405, '3000', /^GET is not allowed here; POST is$/],
      ['POST', '/online', '{', 405, '3000', /^POST is not allowed here; GET, HEAD is$/],
      ['POST', '/messages', '{', 400, '3000', /^the body is not JSON$/],
      ['POST', '/messages', '', 400, '3000', /^the body is empty; send a JSON object$/],
      ['POST', '/messages', '[]', 400, '3000', /^the body must be a JSON object$/],
      ['POST', '/messages', Buffer.from('{"to":"\xff"}', 'latin1'), 400, '3000', /^the body is not UTF-8$/],
      ['POST', '/messages', `"${'x'.repeat(300_000)}"`, 413, '3000', /^the body is longer than 256 KiB$/],
      ['POST', '/messages', 'to=1', 415, '3000', /application\/json/, { 'content-type': 'text/plain' }],
    ]);
    const { headers } = await v1.ask('PUT', '/online');
    assert.equal(headers.get('allow'), 'GET, HEAD');
  });

  test('accounts, users, sessions and lists', async () => {
    const foreign = pageCursor('groups', '1');
    await check([
      ['POST', '/accounts', {}, 400, '3000', /^name is missing$/],
      ['POST', '/accounts', { name: 'a b' }, 400, '3000', /letters, digits/],
      ['POST', '/accounts', { name: 'a1ice', password: 'short' }, 400, '3000', /^password: .* 8 characters/],
      ['POST', '/accounts', { name: 'admin' }, 400, '3000', /reserved/],
      ['GET', '/users', undefined, 400, '3000', /^name is missing$/],
      ['GET', '/users?name=nobody', undefined, 404, '9100', /^there is no such user$/],
      ['GET', '/users/9', undefined, 404, '9100', /^there is no such user$/],
      ['GET', '/users/9999999999999999', undefined, 404, '9100', /^there is no such user$/],
      ['GET', '/users/ada', undefined, 400, '3000', /^id must be a user id in decimal digits/],
      [
        'POST',
        '/sessions',
        {},
        400,
        '3000',
        /^give the name or the id of the account, or a token, one of them$/,
      ],
      ['POST', '/sessions', { name: 'ada', id: '1001' }, 400, '3000', /one of them$/],
      ['POST', '/sessions', { id: 'ada' }, 400, '3000', /^id must be a user id in decimal digits/],
      ['POST', '/sessions', { id: '9' }, 401, '9100', /^The User information you have used is incorrect!$/],
      ['POST', '/sessions', { name: 'ada' }, 409, '5000', /^Repeat login/],
      ['GET', '/online?limit=0', undefined, 400, '3000', /^limit must be >= 1$/],
      ['GET', '/online?limit=1001', undefined, 400, '3000', /^limit must be <= 1000$/],
      [
        'GET',
        `/online?after=${foreign}`,
        undefined,
        400,
        '9404',
        /^The page cursor belongs to another list; /,
      ],
      ['GET', '/online?after=rubbish', undefined, 400, '9404', /^The page cursor belongs to another list; /],
    ]);
  });

  test('messages', async () => {
    const to = { user: ada.id };
    const ref = `${ada.id}:AAAAAAAAAAAAAAAA:0`;
    const deep = `{"to":{"user":"${ada.id}"},"type":"json","body":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    await check([
      ['POST', '/messages', {}, 400, '3000', /^to is missing$/],
      ['POST', '/messages', { to: {}, texts: ['x'] }, 400, '3000', /^to must name a user or a group/],
      ['POST', '/messages', { to: { ...to, group: 'lobby' }, texts: ['x'] }, 400, '3000', /one of them$/],
      [
        'POST',
        '/messages',
        { to: { user: 'bob' }, texts: ['x'] },
        400,
        '3000',
        /^to\.user must be a user id/,
      ],
      [
        'POST',
        '/messages',
        { to: { group: '#1' }, texts: ['x'] },
        400,
        '3000',
        /^to\.group must be a group id/,
      ],
      [
        'POST',
        '/messages',
        { to: { user: '9' }, texts: ['x'] },
        404,
        '9100',
        /^there is no user with this id$/,
      ],
      ['POST', '/messages', { to }, 400, '3000', /is missing/],
      ['POST', '/messages', { to, texts: [] }, 400, '3000', /is missing/],
      ['POST', '/messages', { to, texts: [''] }, 400, '3000', /^a text is empty$/],
      ['POST', '/messages', { to, texts: ['x'.repeat(8_193)] }, 400, '3000', /^a text has 8193 bytes/],
      [
        'POST',
        '/messages',
        { to, texts: Array(101).fill('x') },
        400,
        '3000',
        /^texts has 101 texts; at most 100/,
      ],
      ['POST', '/messages', { to, texts: [{}] }, 400, '3000', /^texts\.0 must be string$/],
      [
        'POST',
        '/messages',
        { to, texts: ['x'], body: 'eA==' },
        400,
        '3000',
        /^a text has no body; give a type$/,
      ],
      [
        'POST',
        '/messages',
        { to, type: 'No!', body: '' },
        400,
        '9400',
        /^a content type has 1 to 64 characters/,
      ],
      ['POST', '/messages', { to, type: 'poll', body: 'no base64' }, 400, '3000', /must be base64$/],
      ['POST', '/messages', { to, type: 'poll', body: 7 }, 400, '3000', /must be base64$/],
      ['POST', '/messages', { to, type: 'json' }, 400, '3000', /^the body is not JSON/],
      ['POST', '/messages', { to, type: 'json', body: 'x'.repeat(33_000) }, 400, '3000', /at most 32768/],
      ['POST', '/messages', deep, 400, '3000', /nested/],
      ['POST', '/messages', { to, type: 'member', body: {}, ref }, 400, '9400', /member/],
      [
        'POST',
        '/messages',
        { to, texts: ['x'] },
        400,
        '3000',
        /^Idempotency-Key/,
        { 'idempotency-key': 'k'.repeat(256) },
      ],
    ]);
    assert.deepEqual(await at.entries(inboxOf(Number(ada.id) as UserId)), []);
    assert.deepEqual(await at.entries(groupStream(LOBBY)), []);
  });
});
