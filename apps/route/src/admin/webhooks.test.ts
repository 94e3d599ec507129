import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FEED, letterName } from '@cim/store';
import { ADMIN_TOKEN, RunningRoute } from '../../test/running-route.ts';

async function start(t: TestContext) {
  const at = await RunningRoute.start({ config: { adminToken: ADMIN_TOKEN, outcallHosts: ['127.0.0.1'] } });
  t.after(() => at.stop());
  return { at, ask: at.admin.bind(at) };
}
const GIVEN = { url: 'https://crm.example.com/cim', events: ['message.stored', 'group.*'] };
type Items = { readonly items: readonly Record<string, unknown>[] };

test('a webhook is made, listed without its secret, changed, turned off and removed; the feed follows', async (t) => {
  const { at, ask } = await start(t);
  const made = await ask('POST', '/webhooks', { ...GIVEN, only: ['u1001'], batch: 10 });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { id, secret } = made.body as { id: string; secret: string };
  assert.match(secret, /^whsec_/);
  const shown = {
    ...{ id, ...GIVEN, only: ['u1001'], batch: 10, state: 'well', secrets: 1 },
    createdAt: made.body['createdAt'],
  };
  assert.deepEqual((await ask('GET', '/webhooks')).body, { items: [shown] });
  const alice = await at.join('alice');
  const bob = await at.join('bob');
  const [partition] = at.store.feed.partitions;
  assert.ok(partition !== undefined);
  const recorded = async (): Promise<number> => {
    const [records = []] = await at.store.feed.read([{ partition, after: 0 }], FEED.most);
    return records.length;
  };
  const send = () => at.post('/p2pRoute', { userId: alice.userId, receiveUserId: bob.userId, msg: 'x' });
  await send();
  assert.equal(await recorded(), 1);

  const changed = await ask('PUT', `/webhooks/${id}`, { only: [], batch: 1, on: false });
  assert.deepEqual([changed.status, changed.body['state'], changed.body['only']], [200, 'off', undefined]);
  assert.equal(changed.body['url'], GIVEN.url);
  await send();
  assert.equal(await recorded(), 1);
  assert.equal((await ask('PUT', `/webhooks/${id}`, { on: true })).body['state'], 'well');
  await send();
  assert.equal(await recorded(), 2);

  assert.equal((await ask('DELETE', `/webhooks/${id}`)).status, 204);
  await send();
  assert.equal(await recorded(), 2);
  for (const [method, path] of [
    ['DELETE', ''],
    ['PUT', ''],
    ['POST', '/rotate'],
    ['GET', '/letters'],
    ['POST', '/replay'],
  ] as const) {
    const answer = await ask(method, `/webhooks/${id}${path}`, method === 'GET' ? undefined : {});
    assert.deepEqual([answer.status, answer.body['code']], [404, '9530'], `${method} ${path}`);
  }
});

test('what cannot be is refused with what is right, and nothing is made', async (t) => {
  const { ask } = await start(t);
  for (const [body, expected] of [
    [{}, /url must be given/],
    [{ url: GIVEN.url }, /events must be given/],
    [{ ...GIVEN, url: 'http://example.com/' }, /https/],
    [{ ...GIVEN, url: 'https://10.0.0.1/' }, /inside the network; CIM_OUTCALL_HOSTS/],
    [{ ...GIVEN, url: 7 }, /url must be a text/],
    [{ ...GIVEN, events: [] }, /events must be a list/],
    [{ ...GIVEN, events: ['message.sent'] }, /there is no event "message.sent"; there are message.stored/],
    [{ ...GIVEN, only: ['1001'] }, /only has "1001"; a conversation is such as u1001/],
    [{ ...GIVEN, batch: 101 }, /batch must be a whole number from 1 to 100/],
    [{ ...GIVEN, secret: 'geheim' }, /secret must be whsec_/],
  ] as const) {
    const answer = await ask('POST', '/webhooks', body);
    assert.deepEqual([answer.status, answer.body['code']], [400, '3000'], JSON.stringify(body));
    assert.match(String(answer.body['detail']), expected);
  }
  assert.deepEqual((await ask('GET', '/webhooks')).body, { items: [] });
  assert.equal((await ask('POST', '/webhooks', { ...GIVEN, url: 'http://127.0.0.1:9/' })).status, 201);
});

test('while a secret is replaced both sign, and the old one ends', async (t) => {
  const { at, ask } = await start(t);
  const made = await ask('POST', '/webhooks', GIVEN);
  const { id, secret } = made.body as { id: string; secret: string };
  const rotated = await ask('POST', `/webhooks/${id}/rotate`, { overlapHours: 2 });
  const { secret: next } = rotated.body as { secret: string };
  assert.notEqual(next, secret);
  const [webhook] = (await at.store.webhooks.list()).items;
  assert.deepEqual(
    webhook?.secrets.map((one) => one.secret),
    [next, secret],
  );
  const until = webhook.secrets[1]?.until ?? 0;
  assert.ok(Math.abs(until - Date.now() - 7_200_000) < 60_000);
  const { items } = (await ask('GET', '/webhooks')).body as Items;
  assert.equal(items[0]?.['secrets'], 2);
});

test('dead letters are listed, told again one by one or all, and forgotten', async (t) => {
  const { at, ask } = await start(t);
  const { id } = (await ask('POST', '/webhooks', GIVEN)).body as { id: string };
  const { feed } = at.store;
  const [partition] = feed.partitions;
  assert.ok(partition !== undefined);
  await feed.take([partition], 'a-relay', 60_000);
  const letter = (n: number, dead: boolean) => ({
    event: { id: `e${n}`, type: 'message.stored', timestamp: new Date(n).toISOString(), data: { n } },
    ...{ conversation: 'g17', failed: 12, at: n, problem: 'it answered HTTP 500' },
    ...(dead ? { dead: true } : {}),
  });
  const letters = new Map(
    [1, 2, 3, 4].map((n) => [letterName(id, n, 0), JSON.stringify(letter(n, n > 1))] as const),
  );
  await feed.commit(partition, 'a-relay', { letters });
  const listed = (await ask('GET', `/webhooks/${id}/letters`)).body as unknown as Items;
  assert.deepEqual(
    listed.items.map((one) => [one['id'], one['state'], one['failed'], one['problem']]),
    [1, 2, 3, 4].map((n) => [`e${n}`, n > 1 ? 'dead' : 'waiting', 12, 'it answered HTTP 500']),
  );
  assert.deepEqual(
    [
      (listed as unknown as Record<string, unknown>)['waiting'],
      (listed as unknown as Record<string, unknown>)['dead'],
    ],
    [1, 3],
  );
  assert.deepEqual((await ask('POST', `/webhooks/${id}/replay`, { event: 'e3' })).body, { events: 1 });
  assert.equal((await ask('POST', `/webhooks/${id}/replay`, { event: 'e3' })).status, 404);
  const states = async () =>
    ((await ask('GET', `/webhooks/${id}/letters`)).body as unknown as Items).items.map((one) => one['state']);
  assert.deepEqual(await states(), ['waiting', 'dead', 'waiting', 'dead']);
  assert.deepEqual((await ask('DELETE', `/webhooks/${id}/letters`)).body, { events: 2 });
  assert.deepEqual(await states(), ['waiting', 'waiting']);
  assert.deepEqual((await ask('POST', `/webhooks/${id}/replay`, {})).body, { events: 0 });
});

test('a webhook that fails is a line in /readyz, and the route is ready all the same', async (t) => {
  const { at, ask } = await start(t);
  const { id } = (await ask('POST', '/webhooks', GIVEN)).body as { id: string };
  const failingSince = Date.parse('2026-11-28T12:00:00Z');
  await at.store.webhooks.note(id, { failingSince, problem: 'it answered HTTP 500', notedAt: failingSince });
  const answer = await fetch(`${at.route.internal.url}/readyz`);
  const { webhooks } = (await answer.json()) as { webhooks: string[] };
  assert.equal(answer.status, 200);
  assert.deepEqual(webhooks, [`webhook ${id} fails since 2026-11-28T12:00:00.000Z: it answered HTTP 500`]);
  const { items } = (await ask('GET', '/webhooks')).body as unknown as Items;
  assert.deepEqual([items[0]?.['state'], items[0]?.['problem']], ['failing', 'it answered HTTP 500']);
});

test('a secret that was replaced signs for as long as was said, also when another one follows', async (t) => {
  const { at, ask } = await start(t);
  const { id, secret } = (await ask('POST', '/webhooks', GIVEN)).body as { id: string; secret: string };
  const rotate = async (overlapHours: number): Promise<string> =>
    String((await ask('POST', `/webhooks/${id}/rotate`, { overlapHours })).body['secret']);
  const secrets = async () => (await at.store.webhooks.list()).items[0]?.secrets ?? [];
  const second = await rotate(24);
  const [, first] = await secrets();
  const third = await rotate(1);
  assert.deepEqual(
    (await secrets()).map((one) => one.secret),
    [third, second, secret],
  );
  assert.deepEqual((await secrets())[2], first, 'its end is the same');
  // One whose time is over is forgotten.
  const last = await rotate(0);
  const newest = await rotate(1);
  assert.deepEqual(
    (await secrets()).map((one) => one.secret),
    [newest, last, second, secret],
  );
});

test('a webhook that a file declares is shown with its name there, and changed there alone; it can be turned off and removed', async (t) => {
  const { at, ask } = await start(t);
  const { secret } = (await ask('POST', '/webhooks', GIVEN)).body as { secret: string };
  const webhook = { ...GIVEN, id: 'declared-one', version: 1, secrets: [{ secret }], batch: 1, createdAt: 1 };
  assert.equal(await at.store.webhooks.put({ ...webhook, setting: 'crm' }), 'ok');
  const path = '/webhooks/declared-one';
  const { items } = (await ask('GET', '/webhooks')).body as Items;
  assert.equal(items.find(({ id }) => id === 'declared-one')?.['setting'], 'crm');
  for (const [method, where, body] of [
    ['PUT', path, { batch: 2 }],
    ['PUT', path, { url: GIVEN.url, on: false }],
    ['POST', `${path}/rotate`, {}],
  ] as const) {
    const { status, body: problem } = await ask(method, where, body);
    assert.deepEqual([status, problem['code']], [400, '3000']);
    assert.match(String(problem['detail']), /declares this webhook as "crm": change it there$/);
  }
  assert.equal((await ask('PUT', path, { on: false })).body['state'], 'off');
  assert.equal((await ask('DELETE', path)).status, 204);
});
