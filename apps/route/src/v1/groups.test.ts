/** Groups and their members over `/v1`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ENGINES, startStore } from '../../test/engines.ts';
import { RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

type Fields = Readonly<Record<string, unknown>>;

for (const engine of ENGINES)
  describe(`groups on ${engine}`, { concurrency: false }, () => {
    let store: Awaited<ReturnType<typeof startStore>>;
    let at: RunningRoute;
    let v1: V1Client;
    let [ann, ben, cleo, dan]: { id: string; name: string; secret: string }[] = [];
    before(async () => {
      store = await startStore(engine);
      at = await RunningRoute.start(store);
      v1 = await V1Client.of(at.route);
      [ann, ben, cleo, dan] = [
        await v1.join('ann'),
        await v1.join('ben'),
        await v1.join('cleo'),
        await v1.join('dan'),
      ];
    });
    after(async () => {
      await at.stop();
      await store.end();
    });

    const create = async (fields: Fields): Promise<string> => {
      const made = await v1.post('/groups', fields, ann?.secret);
      assert.equal(made.status, 201, JSON.stringify(made.body));
      return String(made.body?.['id']);
    };
    const itemsOf = ({ body }: { readonly body: Fields | undefined }) => body?.['items'] as Fields[];
    const members = async (group: string, query = '') =>
      itemsOf(await v1.get(`/groups/${group}/members${query}`, ann?.secret));

    test('a group is created once for a key, listed by category in pages, changed, and disbanded', async () => {
      const fields = { name: 'Lunch', category: 'food', join: 'open', users: [ben?.id] };
      const key = { 'idempotency-key': 'lunch' };
      const made = await v1.post('/groups', fields, ann?.secret, key);
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const { role, ...open } = made.body ?? {};
      assert.equal(role, 'owner');
      const { id, createdAt, ...rest } = open;
      assert.deepEqual(rest, { name: 'Lunch', category: 'food', join: 'open', owner: ann?.id, members: 2 });
      assert.match(String(createdAt), /^\d{4}-.*Z$/);
      assert.deepEqual((await v1.post('/groups', fields, ann?.secret, key)).body, made.body);

      const other = await create({ name: 'Work', join: 'invite' });
      const ids = [String(id), other].sort((a, b) => Number(a) - Number(b));
      const first = await v1.get('/groups?limit=1', ann?.secret);
      const second = await v1.get(`/groups?limit=1&after=${String(first.body?.['next'])}`, ann?.secret);
      assert.deepEqual(
        [...itemsOf(first), ...itemsOf(second)].map((group) => group['id']),
        ids,
      );
      assert.equal(second.body?.['next'], undefined);
      assert.deepEqual(itemsOf(await v1.get('/groups?category=food', ann?.secret)), [made.body]);
      assert.deepEqual(itemsOf(await v1.get('/groups', ben?.secret)), [{ ...made.body, role: 'member' }]);
      assert.deepEqual((await v1.get(`/groups/${String(id)}`, cleo?.secret)).body, open);

      const changed = await v1.ask('PATCH', `/groups/${String(id)}`, { name: 'Dinner' }, ann?.secret);
      assert.deepEqual(changed.body, { ...made.body, name: 'Dinner' });
      assert.equal((await v1.ask('DELETE', `/groups/${String(id)}`, undefined, ann?.secret)).status, 204);
      assert.equal((await v1.get(`/groups/${String(id)}`, ann?.secret)).body?.['code'], '9200');
      assert.deepEqual(itemsOf(await v1.get('/groups', ben?.secret)), []);
    });

    test('members are added, join, get roles, are muted, leave and are removed; only members read and write', async () => {
      const group = await create({ name: 'Club', join: 'open' });
      const path = `/groups/${group}/members`;
      const say = (secret: string | undefined) =>
        v1.post('/messages', { to: { group }, texts: ['hello'] }, secret);
      const codeOf = async (answer: ReturnType<typeof say>) => (await answer).body?.['code'];
      assert.equal(await codeOf(say(ben?.secret)), '9201');
      assert.deepEqual((await v1.post(path, { users: [ben?.id, ann?.id] }, ann?.secret)).body, {
        added: [ben?.id],
      });
      assert.deepEqual((await v1.post(path, {}, cleo?.secret)).body, { added: [cleo?.id] });
      assert.deepEqual((await v1.post(path, {}, cleo?.secret)).body, { added: [] });
      assert.equal((await say(ben?.secret)).status, 201);
      const pages: Fields[] = [];
      for (let next: unknown = ''; next !== undefined; ) {
        const page = await v1.get(
          `${path}?limit=2${next === '' ? '' : `&after=${next as string}`}`,
          ben?.secret,
        );
        pages.push(...itemsOf(page));
        next = page.body?.['next'];
      }
      assert.deepEqual(pages.map(({ name, role, muted }) => [name, role, muted]).sort(), [
        ['ann', 'owner', false],
        ['ben', 'member', false],
        ['cleo', 'member', false],
      ]);

      const admin = await v1.ask('PATCH', `${path}/${ben?.id ?? ''}`, { role: 'admin' }, ann?.secret);
      assert.deepEqual(admin.body, { id: ben?.id, name: 'ben', role: 'admin', muted: false });
      const muted = await v1.ask('PATCH', `${path}/${cleo?.id ?? ''}`, { muted: true }, ben?.secret);
      assert.deepEqual(muted.body, { id: cleo?.id, name: 'cleo', role: 'member', muted: true });
      assert.equal(await codeOf(say(cleo?.secret)), '9203');
      assert.equal((await v1.ask('DELETE', `${path}/${cleo?.id ?? ''}`, undefined, ben?.secret)).status, 204);
      assert.equal(await codeOf(say(cleo?.secret)), '9201');
      assert.equal((await v1.get(`/conversations/g${group}/messages`, cleo?.secret)).body?.['code'], '9201');

      const transferred = await v1.post(`/groups/${group}/transfer`, { user: ben?.id }, ann?.secret);
      assert.deepEqual([transferred.body?.['owner'], transferred.body?.['role']], [ben?.id, 'admin']);
      assert.equal((await v1.ask('DELETE', `${path}/${ann?.id ?? ''}`, undefined, ann?.secret)).status, 204);
      assert.equal((await v1.get(path, ann?.secret)).body?.['code'], '9201');
      const log = itemsOf(await v1.get(`/conversations/g${group}/messages`, ben?.secret));
      assert.ok(log.some(({ type, body }) => type === 'member' && (body as Fields)['op'] === 'remove'));
    });

    test('bad input has its own code and sentence, and changes nothing', async () => {
      const group = await create({ name: 'Board', join: 'invite', users: [ben?.id] });
      const path = `/groups/${group}`;
      const [a, b, d] = [ann?.secret, ben?.secret, dan?.secret];
      const tooMany = Array.from({ length: 101 }, (_, i) => String(i + 1));
      for (const [secret, method, where, body, status, code, detail] of [
        [a, 'POST', '/groups', {}, 400, '3000', /^name is missing$/],
        [a, 'POST', '/groups', { name: 'x' }, 400, '3000', /^join is missing$/],
        [a, 'POST', '/groups', { name: 'x', join: 'all' }, 400, '3000', /^join must be open or invite$/],
        [a, 'POST', '/groups', { name: '', join: 'open' }, 400, '3000', /name/],
        [a, 'POST', '/groups', { name: 'x'.repeat(65), join: 'open' }, 400, '3000', /64/],
        [a, 'POST', '/groups', { name: 'x', category: 'c'.repeat(33), join: 'open' }, 400, '3000', /32/],
        [
          a,
          'POST',
          '/groups',
          { name: 'x', join: 'open', users: ['ben'] },
          400,
          '3000',
          /^users\.0 must be a user id/,
        ],
        [
          a,
          'POST',
          '/groups',
          { name: 'x', join: 'open', users: tooMany },
          400,
          '3000',
          /^users has 101 users; at most 100/,
        ],
        [a, 'POST', '/groups', { name: 'x', join: 'open', users: ['7'] }, 404, '9100', /7/],
        [a, 'GET', '/groups?after=x', undefined, 400, '9404', /another list/],
        [a, 'GET', '/groups/x', undefined, 400, '3000', /^id must be a group id/],
        [a, 'GET', '/groups/999', undefined, 404, '9200', /^There is no such group$/],
        [a, 'GET', '/groups/lobby', undefined, 403, '9202', /lobby/],
        [d, 'GET', path, undefined, 403, '9201', /^You are not a member of this group$/],
        [a, 'PATCH', path, {}, 400, '3000', /^nothing to change/],
        [a, 'PATCH', '/groups/999', { name: 'x' }, 404, '9200', /./],
        [b, 'PATCH', path, { name: 'x' }, 403, '9202', /./],
        [d, 'PATCH', path, { name: 'x' }, 403, '9201', /./],
        [b, 'DELETE', path, undefined, 403, '9202', /./],
        [b, 'POST', `${path}/transfer`, { user: ben?.id }, 403, '9202', /./],
        [a, 'POST', `${path}/transfer`, { user: dan?.id }, 404, '9100', /./],
        [a, 'POST', `${path}/transfer`, {}, 400, '3000', /^user is missing$/],
        [d, 'GET', `${path}/members`, undefined, 403, '9201', /./],
        [a, 'GET', '/groups/999/members', undefined, 404, '9200', /./],
        [a, 'GET', `${path}/members?after=x`, undefined, 400, '9404', /another list/],
        [d, 'POST', `${path}/members`, {}, 403, '9202', /./],
        [b, 'POST', `${path}/members`, { users: [dan?.id] }, 403, '9202', /./],
        [a, 'POST', `${path}/members`, { users: ['7'] }, 404, '9100', /7/],
        [a, 'POST', `${path}/members`, { users: [] }, 400, '3000', /./],
        [a, 'PATCH', `${path}/members/${ben?.id ?? ''}`, {}, 400, '3000', /^nothing to change/],
        [
          a,
          'PATCH',
          `${path}/members/${ben?.id ?? ''}`,
          { role: 'owner' },
          400,
          '3000',
          /^role must be admin or member$/,
        ],
        [b, 'PATCH', `${path}/members/${ann?.id ?? ''}`, { muted: true }, 403, '9202', /./],
        [a, 'PATCH', `${path}/members/${dan?.id ?? ''}`, { role: 'admin' }, 404, '9100', /./],
        [a, 'DELETE', `${path}/members/${ann?.id ?? ''}`, undefined, 403, '9202', /owner cannot leave/],
        [b, 'DELETE', `${path}/members/${ann?.id ?? ''}`, undefined, 403, '9202', /./],
        [undefined, 'GET', path, undefined, 401, '9100', /./],
      ] as const) {
        const answer = await v1.ask(method, where, body, secret);
        const saying = `${method} ${where} ${JSON.stringify(body ?? '')}: ${JSON.stringify(answer.body)}`;
        assert.deepEqual([answer.status, answer.body?.['code']], [status, code], saying);
        assert.match(String(answer.body?.['detail']), detail, saying);
      }
      assert.deepEqual((await members(group)).map(({ name, role }) => [name, role]).sort(), [
        ['ann', 'owner'],
        ['ben', 'member'],
      ]);
      assert.equal((await v1.get(path, ann?.secret)).body?.['name'], 'Board');
    });

    test('every operation was called', () => v1.assertDriven('groups'));
  });
