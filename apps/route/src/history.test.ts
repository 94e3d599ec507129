/** Pages of a user's own streams over HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseUserName, type UserId } from '@cim/protocol';
import type { Entry, Streams } from '@cim/store';
import { type Answer, RunningRoute } from '../test/running-route.ts';
import { historyPage } from './history.ts';
import type { HistoryPage } from './schemas.ts';

const pageOf = ({ code, message, dataBody }: Answer): HistoryPage => {
  assert.equal(code, '9000', message);
  return dataBody as HistoryPage;
};
/** The seqs of a page, and whether there are more. */
const told = (page: HistoryPage): [number[], boolean] => [page.entries.map(({ seq }) => seq), page.more];
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('/history', { concurrency: false }, () => {
  let at: RunningRoute;
  let ann: UserId;
  let bob: UserId;
  const ask = (query: string) => at.get(`/history?userId=${bob}&stream=inbox${query}`);
  before(async () => {
    at = await RunningRoute.start();
    [ann, bob] = [await at.register('ann'), await at.register('bob')];
    for (let i = 1; i <= 60; i++)
      await at.post('/p2pRoute', { userId: ann, receiveUserId: bob, batchMsg: [`text ${i}`, 'and more'] });
  });
  after(() => at.stop());

  test('answers entries with their sender, texts, id and time, in the envelope of all answers', async () => {
    const begun = Date.now();
    const answer = await ask('&after=0&limit=1');
    assert.deepEqual(
      [answer.status, answer.code, answer.message, answer.reqNo],
      [200, '9000', 'Success', null],
    );
    const { entries, more } = pageOf(answer);
    assert.equal(more, true);
    const [first] = entries;
    assert.ok(first !== undefined && entries.length === 1);
    const { id, storedAt, ...rest } = first;
    assert.deepEqual(rest, {
      seq: 1,
      from: { userId: ann, userName: 'ann' },
      texts: ['text 1', 'and more'],
    });
    assert.match(id, new RegExp(`^${ann}:[A-Za-z0-9_-]{32}:0$`));
    assert.ok(Math.abs(begun - storedAt) < 60_000);
  });

  test('pages up with after and down with before, ascending in both, until there is no more', async () => {
    assert.deepEqual(told(pageOf(await ask(''))), [range(11, 60), true], '50, the newest');
    assert.deepEqual(told(pageOf(await ask('&before=11&limit=8'))), [range(3, 10), true]);
    assert.deepEqual(told(pageOf(await ask('&before=3&limit=8'))), [[1, 2], false]);
    assert.deepEqual(told(pageOf(await ask('&before=3&limit=2'))), [[1, 2], false]);
    assert.deepEqual(told(pageOf(await ask('&before=1'))), [[], false]);
    assert.deepEqual(told(pageOf(await ask('&before=1000&limit=2'))), [[59, 60], true]);
    assert.deepEqual(told(pageOf(await ask('&after=0&limit=100'))), [range(1, 60), false]);
    assert.deepEqual(told(pageOf(await ask('&after=0'))), [range(1, 50), true]);
    assert.deepEqual(told(pageOf(await ask('&after=50&limit=10'))), [range(51, 60), false]);
    assert.deepEqual(told(pageOf(await ask('&after=50&limit=9'))), [range(51, 59), true]);
    assert.deepEqual(told(pageOf(await ask('&after=60'))), [[], false]);
    assert.deepEqual(told(pageOf(await ask(`&after=${Number.MAX_SAFE_INTEGER}`))), [[], false]);
  });

  test('reads the lobby for every account, and a stream without entries', async () => {
    const empty = await at.get(`/history?userId=${bob}&stream=lobby`);
    assert.deepEqual(pageOf(empty), { entries: [], more: false });
    await at.post('/groupRoute', { userId: ann, msg: 'to all' });
    const { entries } = pageOf(await at.get(`/history?userId=${bob}&stream=lobby&after=0`));
    assert.deepEqual(
      entries.map(({ seq, from, texts }) => [seq, from.userName, texts]),
      [[1, 'ann', ['to all']]],
    );
  });

  test('the inbox of the sender holds the same messages, under the same ids', async () => {
    const read = async (userId: UserId) =>
      pageOf(await at.get(`/history?userId=${userId}&stream=inbox&after=0&limit=3`)).entries.map(
        ({ id, from, texts }) => ({ id, from, texts }),
      );
    assert.deepEqual(await read(ann), await read(bob));
    assert.equal((await read(ann)).length, 3);
  });

  test('a page holds 128 KiB of texts and says that there is more, from either end', async () => {
    const [userId, receiveUserId] = [ann, await at.register('carl')];
    const long = Array(4).fill('x'.repeat(8_000));
    for (let i = 0; i < 20; i++) await at.post('/p2pRoute', { userId, receiveUserId, batchMsg: long });
    const path = `/history?userId=${receiveUserId}&stream=inbox`;
    const newest = pageOf(await at.get(path));
    assert.deepEqual(told(newest), [range(17, 20), true]);
    assert.deepEqual(newest.entries[3]?.texts, long);
    assert.deepEqual(told(pageOf(await at.get(`${path}&before=17`))), [range(13, 16), true]);
    assert.deepEqual(told(pageOf(await at.get(`${path}&before=5`))), [range(1, 4), false]);
    assert.deepEqual(told(pageOf(await at.get(`${path}&after=0`))), [range(1, 4), true]);
    assert.deepEqual(told(pageOf(await at.get(`${path}&after=16`))), [range(17, 20), false]);
  });

  test('3000 names the wrong field, 9100 answers an unknown user', async () => {
    const cases: [string, RegExp][] = [
      [`?stream=inbox`, /^userId is missing$/],
      [`?userId=${bob}`, /^stream is missing$/],
      [`?userId=bob&stream=inbox`, /^userId must be integer$/],
      [`?userId=${bob}&stream=outbox`, /^stream must be inbox or lobby$/],
      [`?userId=${bob}&stream=inbox&limit=0`, /^limit must be >= 1$/],
      [`?userId=${bob}&stream=inbox&limit=101`, /^limit must be <= 100$/],
      [`?userId=${bob}&stream=inbox&after=-1`, /^after must be >= 0$/],
      [`?userId=${bob}&stream=inbox&before=x`, /^before must be integer$/],
      [`?userId=${bob}&stream=inbox&after=1&before=2`, /^give after or before, not both$/],
    ];
    for (const [query, message] of cases) {
      const answer = await at.get(`/history${query}`);
      assert.deepEqual([answer.status, answer.code, answer.dataBody], [200, '3000', null], query);
      assert.match(answer.message, message, query);
    }
    assert.equal((await at.get('/history?userId=1&stream=inbox')).code, '9100');
  });

  test('an account with a password reads only with the secret of its session', async () => {
    const userId = await at.register('dora', 'hush-hush');
    const path = `/history?userId=${userId}&stream=inbox`;
    assert.equal((await at.get(path)).code, '9100');
    assert.equal((await at.get(path, { authorization: 'Bearer guessed' })).code, '9100');
    const { dataBody } = await at.post('/login', {
      userId,
      userName: 'dora',
      password: 'hush-hush',
      wire: 2,
    });
    const { session } = dataBody as { session: string };
    assert.deepEqual(pageOf(await at.get(path, { authorization: `Bearer ${session}` })).entries, []);
  });

  test('is in the OpenAPI document, with the shape of its answer', async () => {
    const document = (await (await fetch(`${at.route.internal.url}/documentation/json`)).json()) as {
      paths: Record<string, { get?: { parameters: { name: string }[]; responses: object } }>;
    };
    const { parameters, responses } = document.paths['/history']?.get ?? { parameters: [], responses: {} };
    assert.deepEqual(
      parameters.map(({ name }) => name),
      ['userId', 'stream', 'after', 'before', 'limit'],
    );
    assert.match(JSON.stringify(responses), /storedAt/);
  });
});

test('an account without a password cannot read under CIM_AUTH=password', async (t) => {
  const at = await RunningRoute.start({ config: { auth: 'password' } });
  t.after(() => at.stop());
  const parsed = parseUserName('ed');
  assert.ok(parsed.ok);
  const { account } = await at.store.accounts.register(parsed.name, undefined);
  assert.equal((await at.get(`/history?userId=${account.userId}&stream=lobby`)).code, '9100');
});

test('trimmed entries are left out: the first page begins at the oldest kept entry, as its seq shows', async () => {
  const kept = (from: number, limit: number): Entry[] =>
    range(from, Math.min(from + limit - 1, 12)).map(
      (seq) =>
        ({
          seq,
          sender: { userId: 7, userName: 'g' },
          producer: 'p',
          counter: seq,
          content: new Uint8Array(),
        }) as unknown as Entry,
    );
  const streams = {
    position: () => Promise.resolve({ first: 9, top: 12, topId: '' }),
    read: (_: unknown, from: number, limit: number) => Promise.resolve(kept(Math.max(from, 9), limit)),
  } as unknown as Streams;
  const page = async (ask: object) =>
    told(await historyPage(streams, 7 as UserId, { stream: 'inbox', ...ask }));
  assert.deepEqual(await page({ after: 2, limit: 3 }), [[9, 10, 11], true]);
  assert.deepEqual(await page({ after: 11 }), [[12], false]);
  assert.deepEqual(await page({ before: 11 }), [[9, 10], false]);
  assert.deepEqual(await page({ before: 9 }), [[], false]);
  assert.deepEqual(await page({ before: 4 }), [[], false]);
  assert.deepEqual(await page({ limit: 4 }), [[9, 10, 11, 12], false]);
  assert.deepEqual(await page({ limit: 3 }), [[10, 11, 12], true]);
});
