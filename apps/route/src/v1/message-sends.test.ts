/** Several messages in one request to `/v1/messages`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inboxOf, ownerOf, type UserId } from '@cim/protocol';
import { defaultLimits, networks } from '@cim/runtime';
import type { AppendAnswer } from '@cim/store';
import { ADMIN_TOKEN, RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

type Fields = Readonly<Record<string, unknown>>;
type Person = Awaited<ReturnType<V1Client['join']>>;

describe('several messages in one request', { concurrency: false }, () => {
  let at: RunningRoute;
  let v1: V1Client;
  let shop: Person;
  let people: Person[];
  before(async () => {
    at = await RunningRoute.start({ config: { adminToken: ADMIN_TOKEN } });
    v1 = await V1Client.of(at.route);
    shop = await v1.join('shop');
    people = await Promise.all(['ann', 'ben', 'cleo'].map((name) => v1.join(name)));
  });
  after(() => at.stop());

  const send = async (
    items: readonly unknown[],
    secret = shop.secret,
    headers: Record<string, string> = {},
  ): Promise<Fields[]> => {
    const { status, body } = await v1.post('/messages', { items }, secret, headers);
    assert.equal(status, 200, JSON.stringify(body));
    return body?.['items'] as Fields[];
  };
  const outcomes = (results: readonly Fields[]) => results.map(({ status, code }) => [status, code]);
  const person = (i: number): Person => people[i] as Person;
  const textsOf = async ({ id }: Person): Promise<string[]> =>
    (await at.entries(inboxOf(Number(id) as UserId))).flat();
  const newKey = async (body: object): Promise<string> => {
    const made = await at.admin('POST', '/api-keys', { label: 'a shop', scopes: ['send'], ...body });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return String(made.body['key']);
  };

  test('each message has its own result, in the order of the request, and a wrong one stops no other', async () => {
    const [ann, ben] = [person(0), person(1)];
    const { body: group } = await v1.post('/groups', { name: 'staff', join: 'invite' }, ann.secret);
    const results = await send([
      { to: { user: ann.id }, texts: ['to ann'] },
      { to: { user: 'ann' }, texts: ['x'] },
      { to: { group: 'lobby' }, texts: ['to all'] },
      { to: { user: '999999999' }, texts: ['x'] },
      7,
      { texts: ['x'] },
      { to: { user: ben.id, group: 'lobby' }, texts: ['x'] },
      { to: { user: ben.id }, texts: [] },
      { to: { group: group?.['id'] }, texts: ['x'] },
      { to: { user: ben.id }, texts: ['later'], sendAfter: 3_600 },
      { to: { user: ben.id }, texts: ['to ben'] },
      { to: { user: ben.id }, texts: Array(101).fill('x') },
    ]);
    assert.deepEqual(outcomes(results), [
      [201, '9000'],
      [400, '3000'],
      [201, '9000'],
      [404, '9100'],
      [400, '3000'],
      [400, '3000'],
      [400, '3000'],
      [400, '3000'],
      [403, '9201'],
      [202, '9000'],
      [201, '9000'],
      [400, '3000'],
    ]);
    assert.match(String(results[1]?.['detail']), /^to\.user must be a user id/);
    assert.match(String(results[4]?.['detail']), /must be a JSON object$/);
    assert.equal(results[5]?.['detail'], 'to is missing');
    assert.match(String(results[11]?.['detail']), /^texts has 101 texts; at most 100/);
    assert.match(String(results[0]?.['id']), new RegExp(`^${shop.id}:`));
    assert.ok(results[0]?.['seq'] === 1 && typeof results[9]?.['sendAt'] === 'string');
    assert.deepEqual([await textsOf(ann), await textsOf(ben)], [['to ann'], ['to ben']]);
  });

  test('a hundred messages are taken, of one recipient in their order; one more is refused, and none is sent', async () => {
    const cleo = person(2);
    const texts = Array.from({ length: 100 }, (_, i) => `${i}`);
    const results = await send(texts.map((text) => ({ to: { user: cleo.id }, texts: [text] })));
    assert.ok(results.every(({ status }) => status === 201));
    assert.deepEqual(await textsOf(cleo), texts);
    for (const [items, detail] of [
      [
        [...texts, 'x'].map((text) => ({ to: { user: cleo.id }, texts: [text] })),
        /^items has 101 messages; at most 100/,
      ],
      [[], /^items must not have fewer than 1 items$/],
      ['x', /^items must be array$/],
    ] as const) {
      const { status, body } = await v1.post('/messages', { items }, shop.secret);
      assert.deepEqual([status, body?.['code']], [400, '3000']);
      assert.match(String(body?.['detail']), detail);
    }
    const both = await v1.post('/messages', { items: [{}], to: { user: cleo.id } }, shop.secret);
    assert.deepEqual([both.status, both.body?.['code']], [400, '3000']);
    assert.equal((await textsOf(cleo)).length, 100);
  });

  test('a request that is repeated stores the messages with a key once, and answers the same', async () => {
    const dan = await v1.join('dan');
    const items = ['one', 'two'].map((text) => ({
      to: { user: dan.id },
      texts: [text],
      key: `order ${text}`,
    }));
    const first = await send(items);
    assert.deepEqual(await send(items), first);
    assert.deepEqual(await textsOf(dan), ['one', 'two']);
    const [other] = await send([{ ...items[0], texts: ['another'] }]);
    assert.deepEqual([other?.['status'], other?.['code']], [400, '3000']);
    // The key of a message is that of a request with it alone.
    const alone = await v1.post('/messages', { ...items[0], key: undefined }, shop.secret, {
      'idempotency-key': 'order one',
    });
    assert.deepEqual([alone.status, alone.body?.['id']], [201, first[0]?.['id']]);
    for (const body of [{ items }, items[0]]) {
      const refused = await v1.post('/messages', body, shop.secret, { 'idempotency-key': 'k' });
      assert.deepEqual([refused.status, refused.body?.['code']], [400, '3000']);
    }
    assert.deepEqual(await textsOf(dan), ['one', 'two']);
  });

  test('each message may name its sender: a key for any user sends it, any other credential is refused it alone', async () => {
    const [ann, ben] = [person(0), person(1)];
    const emma = await v1.join('emma');
    const from = (sender: string, text: string) => ({ from: sender, to: { user: emma.id }, texts: [text] });
    const items = [from(ann.id, 'of ann'), from(ben.id, 'of ben'), from('999999999', 'of nobody')];
    const any = await newKey({});
    assert.deepEqual(outcomes(await send(items, any)), [
      [201, '9000'],
      [201, '9000'],
      [404, '9100'],
    ]);
    const [unnamed] = await send([{ to: { user: emma.id }, texts: ['x'] }], any);
    assert.deepEqual([unnamed?.['status'], unnamed?.['code']], [400, '3000']);
    const [named] = await send([{ to: { user: emma.id }, texts: ['of ann too'] }], any, {
      'x-cim-from': ann.id,
    });
    assert.equal(named?.['status'], 201);
    for (const secret of [await newKey({ user: ann.id }), ann.secret])
      assert.deepEqual(outcomes(await send(items, secret)), [
        [201, '9000'],
        [403, '9503'],
        [403, '9503'],
      ]);
    assert.deepEqual((await textsOf(emma)).sort(), ['of ann', 'of ann', 'of ann', 'of ann too', 'of ben']);
    const reader = await v1.post('/messages', { items }, await newKey({ scopes: ['read'] }));
    assert.deepEqual([reader.status, reader.body?.['code']], [403, '9503']);
    const nobody = await v1.post('/messages', { items }, 'nobody');
    assert.equal(nobody.status, 401);
  });
});

test('each message is charged to its sender; those behind a limited one to the same recipient are not tried', async (t) => {
  const two = { tokens: 1, intervalMs: 600_000, burst: 2 };
  const limits = { ...defaultLimits, sendTo: two, unknown: two };
  const at = await RunningRoute.start({ config: { limits, allowList: networks('none') } });
  t.after(() => at.stop());
  const v1 = await V1Client.of(at.route);
  const [ann, ben, cleo] = [await v1.join('ann'), await v1.join('ben'), await v1.join('cleo')];
  const to = (user: string, text: string) => ({ to: { user }, texts: [text] });
  const items = [to(ben.id, '1'), to(ben.id, '2'), to(ben.id, '3'), to(ben.id, '4'), to(cleo.id, '5')];
  const { body } = await v1.post('/messages', { items }, ann.secret);
  const results = body?.['items'] as Fields[];
  assert.deepEqual(
    results.map(({ status, code }) => [status, code]),
    [
      [201, '9000'],
      [201, '9000'],
      [429, '6000'],
      [429, '6000'],
      [201, '9000'],
    ],
  );
  assert.match(String(results[2]?.['detail']), /limit sendTo/);
  assert.match(String(results[3]?.['detail']), /^not tried/);
  assert.ok(Number(results[2]?.['retryAfter']) > 500 && results[0]?.['retryAfter'] === undefined);
  assert.deepEqual(await at.entries(inboxOf(Number(ben.id) as UserId)), [['1'], ['2']]);
  // Unknown recipients count as look-ups of users that do not exist.
  await v1.post('/messages', { items: [to('9999', 'x'), to('9998', 'x')] }, ann.secret);
  assert.equal((await fetch(`${at.route.url}/v1/users/9997`)).status, 429);
});

test('a message that the store does not take is to be sent again, and the others are stored', async (t) => {
  let fails: string | undefined;
  const at = await RunningRoute.start({
    storeFor: (store) => ({
      ...store,
      streams: new Proxy(store.streams, {
        get: (streams, name) => {
          if (name === 'append')
            return (...[item, done]: Parameters<typeof streams.append>) => {
              const answer: AppendAnswer = { outcome: 'retry', cause: 'a test' };
              if (String(ownerOf(item.stream)) === fails) setImmediate(() => done(answer));
              else streams.append(item, done);
            };
          const own: unknown = Reflect.get(streams, name);
          return typeof own === 'function' ? (own.bind(streams) as unknown) : own;
        },
      }),
    }),
  });
  t.after(() => at.stop());
  const v1 = await V1Client.of(at.route);
  const [ann, ben, cleo] = [await v1.join('ann'), await v1.join('ben'), await v1.join('cleo')];
  fails = ben.id;
  const items = [ben.id, cleo.id, ben.id].map((user, i) => ({ to: { user }, texts: [`${i}`], key: `k${i}` }));
  const { body } = await v1.post('/messages', { items }, ann.secret);
  assert.deepEqual(
    (body?.['items'] as Fields[]).map(({ status, code, retryAfter }) => [status, code, retryAfter]),
    [
      [503, '4000', 1],
      [201, '9000', undefined],
      [503, '4000', 1],
    ],
  );
  fails = undefined;
  await v1.post('/messages', { items }, ann.secret);
  assert.deepEqual(await at.entries(inboxOf(Number(ben.id) as UserId)), [['0'], ['2']]);
  assert.deepEqual(await at.entries(inboxOf(Number(cleo.id) as UserId)), [['1']]);
});
