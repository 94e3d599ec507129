/** Accounts, sessions, credentials, problems and limits under `/v1`. */
import assert from 'node:assert/strict';
import { newName } from '../names.ts';
import type { RuleIn } from '../rule.ts';
import { assertProblem, type Asking, type V1World } from './v1-world.ts';

const where = 'http.md#v1';
const NOBODY = '999999999';

export const V1_FORM_RULES: readonly RuleIn<V1World>[] = [
  {
    name: 'v1/accounts/created-201',
    says: '`POST /v1/accounts` answers 201 with the id in decimal and the name; again it is 200 with the same.',
    where,
    check: async ({ gets }) => {
      const body = { name: newName() };
      const made = await gets(201, 'POST /v1/accounts', { body });
      const { id, name } = made;
      assert.match(String(id), /^[1-9]\d*$/, 'the id');
      assert.deepEqual([typeof id, name], ['string', body.name]);
      assert.deepEqual(await gets(200, 'POST /v1/accounts', { body }), made);
    },
  },
  {
    name: 'v1/accounts/looked-up',
    says: 'A user is found by exact name and by id, with `online`; nobody is 9100.',
    where,
    check: async ({ someone, call, gets }) => {
      const { id, name, secret } = await someone();
      const expected = { id, name, online: false };
      assert.deepEqual(await gets(200, `GET /v1/users?name=${name}`, { secret }), expected);
      assert.deepEqual(await gets(200, `GET /v1/users/${id}`, { secret }), expected);
      for (const path of [`/v1/users?name=${newName()}`, `/v1/users/${NOBODY}`])
        assertProblem(await call(`GET ${path}`, { secret }), [404, '9100'], path);
    },
  },
  {
    name: 'v1/bearer/session-of-login',
    says: '`POST /v1/sessions` answers 201 with `secret`, `ticket`, `device`, `epoch` and `address`; a second login without the secret is 5000, HTTP 409.',
    where,
    check: async ({ gets, call }) => {
      const name = newName();
      await gets(201, 'POST /v1/accounts', { body: { name } });
      const { secret, ticket, device, epoch, address } = await gets(201, 'POST /v1/sessions', {
        body: { name },
      });
      const { host, port } = address as Record<string, unknown>;
      assert.deepEqual(
        [secret, ticket, device, epoch, host, port].map((value) => typeof value),
        [...['string', 'string', 'string', 'number', 'string', 'number']],
      );
      assert.equal(device, 'default', 'the device of a login that names none');
      assertProblem(await call('POST /v1/sessions', { body: { name } }), [409, '5000'], 'a second login');
      await gets(204, 'DELETE /v1/sessions/default', { secret: String(secret) });
    },
  },
  {
    name: 'v1/bearer/missing-or-wrong-401',
    says: 'A request without a credential, or with a wrong one, is 401 with 9100 and `WWW-Authenticate: Bearer`.',
    where,
    check: async ({ call }) => {
      const body = { to: { user: '1' }, texts: ['x'] };
      const rows: [string, Asking][] = [
        ['GET /v1/conversations', {}],
        ['GET /v1/conversations', { secret: 'x' }],
        ['POST /v1/messages', { body }],
        ['POST /v1/messages', { body, headers: { authorization: 'Basic eDp4' } }],
        ['GET /v1/sessions', { secret: 'A'.repeat(43) }],
      ];
      for (const [what, asking] of rows) {
        const answer = await call(what, asking);
        assertProblem(answer, [401, '9100'], what);
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer\b/, `${what}: WWW-Authenticate`);
      }
    },
  },
  {
    name: 'v1/bearer/wrong-password-401',
    says: 'A login with a wrong password, or of nobody, is 401 with 9100.',
    where,
    check: async ({ gets, call }) => {
      const name = newName();
      await gets(201, 'POST /v1/accounts', { body: { name, password: 'correct horse' } });
      for (const body of [
        { name, password: 'wrong horse' },
        { name },
        { name: newName(), password: 'x'.repeat(9) },
      ])
        assertProblem(
          await call('POST /v1/sessions', { body }),
          [401, '9100'],
          JSON.stringify(Object.keys(body)),
        );
    },
  },
  {
    name: 'v1/bearer/logout-revokes',
    says: '`DELETE` of the own session is 204; afterwards its secret is 401.',
    where,
    check: async ({ someone, gets, call }) => {
      const { secret } = await someone();
      await gets(200, 'GET /v1/conversations', { secret });
      await gets(204, 'DELETE /v1/sessions/default', { secret });
      assertProblem(await call('GET /v1/conversations', { secret }), [401, '9100'], 'after the logout');
    },
  },
  {
    name: 'v1/problems/form',
    says: 'A problem is `application/problem+json` with `type`, `title`, `status`, `code` and a `detail` of one line.',
    where,
    check: async ({ someone, call }) => {
      const { id, secret } = await someone();
      const to = { user: id };
      const rows: [string, Asking, number, string][] = [
        ['POST /v1/messages', { body: {} }, 400, '3000'],
        ['POST /v1/messages', { body: { to, texts: [] } }, 400, '3000'],
        ['POST /v1/messages', { body: { to: { user: NOBODY }, texts: ['x'] } }, 404, '9100'],
        ['POST /v1/messages', { body: { to: { group: NOBODY }, texts: ['x'] } }, 404, '9200'],
        ['POST /v1/messages', { body: { to, type: 'member', body: 'eA==' } }, 400, '9400'],
        ['POST /v1/messages', { body: { to, type: 'recall', ref: `${id}:AAAAAAAAAAAAAAAA:1` } }, 404, '9401'],
        ['GET /v1/conversations?limit=0', {}, 400, '3000'],
        ['GET /v1/users/x', {}, 400, '3000'],
        ['DELETE /v1/sessions/no-such-device-16', {}, 404, '9300'],
      ];
      for (const [what, asking, status, code] of rows)
        assertProblem(await call(what, { ...asking, secret }), [status, code], what);
    },
  },
  {
    name: 'v1/problems/path-method-and-body',
    says: 'An unknown path is 404, a method that the path does not have 405 with `Allow`, a body that is not JSON 415, and one that is not UTF-8 400, all with 3000.',
    where,
    check: async ({ someone, call }) => {
      const { secret } = await someone();
      assertProblem(await call('GET /v1/nowhere', { secret }), [404, '3000'], 'an unknown path');
      const put = await call('PUT /v1/messages', { secret });
      assertProblem(put, [405, '3000'], 'PUT /v1/messages');
      assert.match(put.headers.get('allow') ?? '', /POST/, 'Allow');
      const xml = { body: '<x/>', secret, headers: { 'content-type': 'application/xml' } };
      assertProblem(await call('POST /v1/messages', xml), [415, '3000'], 'XML');
      assertProblem(
        await call('POST /v1/messages', { body: '{"to":', secret }),
        [400, '3000'],
        'half a body',
      );
      const latin = Buffer.concat([Buffer.from('{"name":"caf'), Buffer.from([0xe9]), Buffer.from('"}')]);
      assertProblem(await call('POST /v1/accounts', { body: latin }), [400, '3000'], 'not UTF-8');
    },
  },
  {
    name: 'v1/problems/unknown-fields-ignored',
    says: 'Fields that the route does not know are ignored in requests.',
    where,
    check: async ({ someone, gets }) => {
      const { id, secret } = await someone();
      const body = { to: { user: id, extra: 1 }, texts: ['x'], extra: { a: [1] } };
      await gets(201, 'POST /v1/messages', { body, secret });
      await gets(200, 'GET /v1/conversations?extra=1', { secret });
    },
  },
  {
    name: 'v1/limits/texts',
    says: 'A text has at most 8 KiB and a message 100 texts of 32 KiB together; more is 3000 and stores nothing.',
    where: 'protocol.md#the-protocol',
    check: async ({ someone, gets, call }) => {
      const { id, secret } = await someone();
      const send = (texts: readonly string[]): [string, Asking] => [
        'POST /v1/messages',
        { body: { to: { user: id }, texts }, secret },
      ];
      const long = 'x'.repeat(8 * 1024);
      await gets(201, ...send([long]));
      await gets(201, ...send(Array<string>(100).fill('x')));
      await gets(201, ...send(Array<string>(4).fill(long)));
      const rows = [[`${long}x`], Array<string>(101).fill('x'), Array<string>(5).fill(long)];
      for (const texts of rows)
        assertProblem(
          await call(...send(texts)),
          [400, '3000'],
          `${texts.length} texts of ${texts[0]?.length}`,
        );
      const page = await gets(200, `GET /v1/conversations/u${id}/messages`, { secret });
      assert.equal((page['items'] as unknown[]).length, 3, 'the messages that are stored');
    },
  },
  {
    name: 'v1/limits/body-413',
    says: 'A body above 256 KiB is 413 with 3000.',
    where,
    check: async ({ someone, call }) => {
      const { id, secret } = await someone();
      const body = { to: { user: id }, texts: ['x'.repeat(300_000)] };
      assertProblem(await call('POST /v1/messages', { body, secret }), [413, '3000'], '300 KB');
    },
  },
  {
    name: 'v1/limits/pages',
    says: 'A page has as many items as `limit` at most; the list goes on with `next`.',
    where,
    check: async ({ someone, sends, gets }) => {
      const [from, ...others] = [await someone(), await someone(), await someone(), await someone()];
      for (const to of others) await sends(from, to, 'x');
      const { secret } = from;
      const names: unknown[] = [];
      let next = '';
      for (let pages = 0; pages < 9; pages++) {
        const page = await gets(200, `GET /v1/conversations?limit=2${next}`, { secret });
        const items = page['items'] as { readonly id: string }[];
        assert.ok(items.length <= 2, `2 items at most are expected, came ${items.length}`);
        names.push(...items.map(({ id }) => id));
        if (page['next'] === undefined) break;
        next = `&before=${page['next'] as string}`;
      }
      const conversations = names.filter((id) => String(id).startsWith('u'));
      assert.deepEqual(conversations, others.map(({ id }) => `u${id}`).reverse(), 'newest first');
    },
  },
];
