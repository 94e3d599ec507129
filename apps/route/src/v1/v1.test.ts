/**
 * Calls every operation of `/v1` and checks each answer against the OpenAPI document, on a route with its own
 * store.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { CODES, cim, groupStream, inboxOf, LOBBY, type Seq, type UserId } from '@cim/protocol';
import { INSTANCE, RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';
import { STATUSES } from './problems.ts';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('/v1', { concurrency: false }, () => {
  let at: RunningRoute;
  let v1: V1Client;
  before(async () => {
    at = await RunningRoute.start();
    v1 = await V1Client.of(at.route);
  });
  after(() => at.stop());

  test('an account is made once; its name answers it again to a caller who knows its password', async () => {
    const made = await v1.post('/accounts', { name: 'Änne', password: 'correct horse' });
    assert.equal(made.status, 201);
    assert.deepEqual(made.body, { id: String(await at.register('änne', 'correct horse')), name: 'Änne' });
    const again = await v1.post('/accounts', { name: 'änne', password: 'correct horse', unknown: 1 });
    assert.deepEqual([again.status, again.body], [200, made.body]);
    assert.equal((await v1.post('/accounts', { name: 'änne', password: 'another one' })).status, 401);
    assert.equal((await v1.post('/accounts', { name: 'änne' })).status, 401);
  });

  test('a user is found by name or id, and is shown online once a device has connected', async () => {
    const { userId } = await at.join('bert');
    const user = { id: String(userId), name: 'bert', online: true };
    assert.deepEqual((await v1.get('/users?name=BERT')).body, user);
    assert.deepEqual((await v1.get(`/users/${userId}`)).body, user);
    const away = await v1.post('/accounts', { name: 'away' });
    assert.deepEqual((await v1.get('/users?name=away')).body, { ...away.body, online: false });
  });

  test('the users online come in pages, ascending by id', async (t) => {
    const own = await RunningRoute.start();
    t.after(() => own.stop());
    const items: object[] = [];
    for (const name of ['zora', 'mia', 'cora'])
      items.push({ id: String((await own.join(name)).userId), name });
    const here = await V1Client.of(own.route);
    assert.deepEqual((await here.get('/online')).body, { items });
    const first = await here.get('/online?limit=2');
    const { items: shown, next } = first.body ?? {};
    assert.deepEqual(shown, items.slice(0, 2));
    assert.deepEqual((await here.get(`/online?limit=2&after=${String(next)}`)).body, {
      items: items.slice(2),
    });
  });

  test('a login by name or id answers where to connect, and a secret that is valid for its user alone', async () => {
    const { id } = (await v1.post('/accounts', { name: 'cora', password: 'correct horse' })).body as {
      id: string;
    };
    const byName = await v1.post('/sessions', { name: 'CORA', password: 'correct horse' });
    assert.equal(byName.status, 201);
    const { secret, ticket, epoch, address } = byName.body ?? {};
    assert.deepEqual(address, { host: '127.0.0.1', port: 11211 });
    assert.ok(String(secret).length === 43 && typeof epoch === 'number');
    const claimed = await at.store.sessions.claim({
      userId: Number(id) as UserId,
      instance: INSTANCE,
      epoch: Number(String(ticket).split('.')[1]) as never,
      claim: 'c',
    });
    assert.equal(claimed.outcome, 'claimed');
    assert.equal((await v1.post('/sessions', { id, password: 'correct horse' })).status, 409, 'one session');
    const replaced = await v1.post('/sessions', { id, session: secret });
    assert.equal(replaced.status, 201);
    assert.equal((await v1.post('/sessions', { id, password: 'wrong horse' })).status, 401);
    assert.equal((await v1.post('/sessions', { id })).status, 401);
    assert.equal((await v1.post('/sessions', { name: 'nobody at all' })).status, 401);
  });

  test('a message is stored under one id and rung for; a repeated key stores it once and answers the same', async () => {
    const dora = await v1.join('dora');
    const { userId: emil } = await at.join('emil');
    const sent = await v1.post(
      '/messages',
      { to: { user: String(emil) }, texts: ['hi', 'you'] },
      dora.secret,
    );
    assert.equal(sent.status, 201);
    const { id, seq, storedAt, online } = sent.body ?? {};
    assert.match(String(id), new RegExp(`^${dora.id}:[A-Za-z0-9_-]{32}:0$`));
    assert.deepEqual([seq, online], [1, true]);
    assert.match(String(storedAt), ISO);
    assert.deepEqual(await at.entries(inboxOf(emil)), [['hi', 'you']]);
    assert.ok(at.rung.includes(`deliver ${emil}`));

    const key = { 'idempotency-key': 'order 66' };
    const keyed = () =>
      v1.post('/messages', { to: { user: String(emil) }, texts: ['once'] }, dora.secret, key);
    const [first, second] = [await keyed(), await keyed()];
    assert.deepEqual(second.body, first.body);
    assert.deepEqual(await at.entries(inboxOf(emil)), [['hi', 'you'], ['once']]);
    const other = await v1.post('/messages', { to: { user: String(emil) }, texts: ['x'] }, dora.secret, key);
    assert.deepEqual([other.status, other.body?.['code']], [400, '3000']);
  });

  test('a message to the lobby, and one of a type with a body', async () => {
    const fred = await v1.join('fred');
    const gina = await v1.join('gina');
    const lobby = await v1.post('/messages', { to: { group: 'lobby' }, texts: ['all'] }, fred.secret);
    assert.deepEqual([lobby.status, lobby.body?.['seq']], [201, 1]);
    assert.deepEqual(await at.entries(groupStream(LOBBY)), [['all']]);
    const contents = [
      { type: 'json', body: { lunch: ['now', 1, null, 'ü'] } },
      { type: 'org.example.poll', body: Buffer.from([0, 255, 7]).toString('base64'), texts: ['a poll'] },
      { texts: ['half \ud800'] },
    ];
    for (const content of contents)
      assert.equal(
        (await v1.post('/messages', { to: { user: gina.id }, ...content }, fred.secret)).status,
        201,
      );
    const entries = await at.store.streams.read(inboxOf(Number(gina.id) as UserId), 1 as Seq, 10);
    assert.deepEqual(
      entries.map(({ content }) => {
        const { type, body, texts } = cim.Content.decode(content);
        return [type, Buffer.from(body).toString('latin1'), texts];
      }),
      [
        ['json', Buffer.from('{"lunch":["now",1,null,"ü"]}').toString('latin1'), []],
        ['org.example.poll', '\0\xff\x07', ['a poll']],
        ['', '', ['half \ufffd']],
      ],
    );
  });

  test('after a logout a secret opens nothing; nor does one that an older version made', async () => {
    const hans = await v1.join('hans');
    const send = (secret: string) => v1.post('/messages', { to: { group: 'lobby' }, texts: ['x'] }, secret);
    assert.equal((await send(hans.secret)).status, 201);
    await at.post('/offLine', { userId: Number(hans.id) }, { authorization: `Bearer ${hans.secret}` });
    for (const secret of [hans.secret, 'A'.repeat(43), 'x', '_'.repeat(43), ''])
      assert.equal((await send(secret)).status, 401, secret);
  });

  test('an account without a password may not act under CIM_AUTH=password, whatever secret it has', async (t) => {
    const strict = await RunningRoute.start({ config: { auth: 'password' }, storeFor: () => at.store });
    t.after(() => strict.stop());
    const there = await V1Client.of(strict.route);
    const ines = await v1.join('ines');
    const sent = await there.post('/messages', { to: { group: 'lobby' }, texts: ['x'] }, ines.secret);
    assert.deepEqual([sent.status, sent.body?.['code']], [401, '9100']);
    assert.equal((await there.post('/sessions', { name: 'ines' })).status, 401);
    assert.equal((await there.post('/accounts', { name: 'jana' })).status, 400);
    const karl = await there.join('karl', 'correct horse');
    assert.equal(
      (await there.post('/messages', { to: { group: 'lobby' }, texts: ['x'] }, karl.secret)).status,
      201,
    );
  });

  test('logins over the rate are answered 429, and without an im-server 503', async (t) => {
    const slow = await RunningRoute.start({ config: { loginRate: 1 }, listed: false });
    t.after(() => slow.stop());
    const there = await V1Client.of(slow.route);
    await there.post('/accounts', { name: 'lena' });
    assert.equal((await there.post('/accounts', { name: 'lena' })).status, 429);
    const nowhere = await there.post('/sessions', { name: 'lena' });
    assert.deepEqual([nowhere.status, nowhere.body?.['code']], [503, '7100']);
    assert.equal((await there.post('/sessions', { name: 'lena' })).status, 429);
  });

  test('while the store does not answer, requests are answered 503 and may be repeated', async (t) => {
    const broken = await RunningRoute.start({
      storeFor: (store) => ({
        ...store,
        streams: Object.assign(Object.create(store.streams) as typeof store.streams, {
          append: (_item: unknown, done: (answer: unknown) => void) =>
            setImmediate(() => done({ outcome: 'retry', cause: new Error('away') })),
        }),
      }),
    });
    t.after(() => broken.stop());
    const there = await V1Client.of(broken.route);
    const mia = await there.join('mia');
    const sent = await there.post('/messages', { to: { group: 'lobby' }, texts: ['x'] }, mia.secret);
    assert.deepEqual([sent.status, sent.body?.['code']], [503, '4000']);
    assert.ok(Number(sent.headers.get('retry-after')) >= 1);
  });

  test('everybody may list the users online', async () => {
    assert.equal((await v1.get('/online')).status, 200);
  });

  test('answers are counted by path and code', async () => {
    const page = await (await fetch(`${at.route.internal.url}/metrics`)).text();
    const count = (path: string, code: string): number =>
      Number(
        new RegExp(`^cim_route_answers_total\\{path="${path}",code="${code}".* (\\d+)$`, 'm').exec(page)?.[1],
      );
    const [users, unknown, notAllowed] = [
      count('/v1/users/:id', '9000'),
      count('unknown', '3000') || 0,
      count('/v1/users/:id', '3000') || 0,
    ];
    assert.ok(users >= 1);
    await v1.get('/users/1001');
    await v1.get('/nothing');
    await v1.ask('DELETE', '/users/1001');
    const after = await (await fetch(`${at.route.internal.url}/metrics`)).text();
    assert.ok(after.includes(`path="/v1/users/:id",code="9000",program="test"} ${users + 1}`));
    assert.ok(after.includes(`path="unknown",code="3000",program="test"} ${unknown + 1}`));
    assert.ok(after.includes(`path="/v1/users/:id",code="3000",program="test"} ${notAllowed + 1}`));
    assert.match(after, /^cim_sends_total\{door="v1",outcome="stored".* [1-9]\d*$/m);
  });

  test('an own device is listed, and ended: its secret opens nothing and its channel is closed', async () => {
    const max = await v1.join('max');
    const { userId, instance } = { userId: Number(max.id) as UserId, instance: INSTANCE };
    const [session] = await at.store.sessions.find(userId);
    const claimed = await at.store.sessions.claim({
      userId,
      instance,
      epoch: session?.epoch as never,
      claim: 'c',
    });
    assert.equal(claimed.outcome, 'claimed');
    const listed = await v1.get('/sessions', max.secret);
    const [item, ...others] = listed.body?.['items'] as Record<string, unknown>[];
    assert.deepEqual(
      { ...item, seenAt: '', createdAt: '', expiresAt: '' },
      { device: 'default', label: '', online: true, seenAt: '', createdAt: '', expiresAt: '', current: true },
    );
    assert.match(String(item?.['seenAt']), ISO);
    assert.deepEqual(others, []);

    const unknown = await v1.ask('DELETE', '/sessions/AAAAAAAAAAAAAAAA', undefined, max.secret);
    assert.deepEqual([unknown.status, unknown.body?.['code']], [404, '9300']);
    assert.equal((await v1.ask('DELETE', '/sessions/default', undefined, max.secret)).status, 204);
    assert.ok(at.rung.some((ring) => ring.startsWith(`kick ${max.id} `) && ring.endsWith('logged-out')));
    assert.equal((await v1.get('/sessions', max.secret)).status, 401);
  });

  test('a user blocks another one, whose messages are refused until it is unblocked', async () => {
    const nora = await v1.join('nora');
    const omar = await v1.join('omar');
    const say = () => v1.post('/messages', { to: { user: nora.id }, texts: ['hi'] }, omar.secret);
    const block = (id: string) => v1.ask('PUT', `/blocks/${id}`, undefined, nora.secret);
    assert.equal((await block(omar.id)).status, 204);
    assert.equal((await block(omar.id)).status, 204);
    assert.deepEqual((await v1.get('/blocks', nora.secret)).body, { items: [{ id: omar.id, name: 'omar' }] });
    const refused = await say();
    assert.deepEqual([refused.status, refused.body?.['code']], [403, '9501']);
    const unblock = await v1.ask('DELETE', `/blocks/${omar.id}`, undefined, nora.secret);
    assert.equal(unblock.status, 204);
    assert.equal((await say()).status, 201);
    assert.deepEqual((await v1.get('/blocks', nora.secret)).body, { items: [] });

    const nobody = await block('987654321');
    assert.deepEqual([nobody.status, nobody.body?.['code']], [404, '9100']);
    const oneself = await block(nora.id);
    assert.deepEqual([oneself.status, oneself.body?.['code']], [400, '3000']);
    for (let id = 20_001; id <= 21_000; id++)
      await at.store.blocks.block(Number(nora.id) as UserId, id as UserId);
    const full = await block(omar.id);
    assert.deepEqual([full.status, full.body?.['code']], [409, '9505']);
  });

  test('the document describes every operation, and each was called', () => {
    v1.assertDriven('accounts', 'users', 'sessions');
    const tags = Object.entries(v1.document.paths)
      .filter(([path]) => path.startsWith('/v1/'))
      .flatMap(([, methods]) => Object.values(methods).flatMap((operation) => operation.tags ?? ['none']));
    // The operations of `conversations`, `groups`, `messages` and `scheduled` have tests of their own.
    assert.deepEqual([...new Set(tags)].sort(), [
      'accounts',
      'conversations',
      'groups',
      'messages',
      'scheduled',
      'sessions',
      'users',
    ]);
  });

  test('docs/http.md has the HTTP status of every code', () => {
    const page = readFileSync(new URL('../../../../docs/http.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| (\d{4}) \| (\d{3}) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    assert.deepEqual(Object.fromEntries(documented), STATUSES);
    assert.equal(documented.length, Object.keys(CODES).length);
  });
});
