/** Scheduled messages over `/v1`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { defaultLimits } from '@cim/runtime';
import type { UserId } from '@cim/protocol';
import { until } from '@cim/testkit';
import { ENGINES, startStore } from '../../test/engines.ts';
import { RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

type Fields = Readonly<Record<string, unknown>>;

for (const engine of ENGINES)
  describe(`scheduled messages on ${engine}`, { concurrency: false }, () => {
    let store: Awaited<ReturnType<typeof startStore>>;
    let at: RunningRoute;
    let v1: V1Client;
    before(async () => {
      store = await startStore(engine);
      at = await RunningRoute.start({ ...store, config: { limits: { ...defaultLimits, scheduled: 3 } } });
      v1 = await V1Client.of(at.route);
    });
    after(async () => {
      await at.stop();
      await store.end();
    });

    type Person = Awaited<ReturnType<V1Client['join']>>;
    const later = (from: Person, to: Fields, more: Fields = {}, headers: Record<string, string> = {}) =>
      v1.post('/messages', { to, texts: ['later'], sendAfter: 3_600, ...more }, from.secret, headers);
    const listOf = async (of: Person): Promise<Fields[]> =>
      (await v1.get('/scheduled', of.secret)).body?.['items'] as Fields[];
    const codeOf = ({ status, body }: { status: number; body: Fields | undefined }) => [
      status,
      body?.['code'],
    ];
    const textsOf = async (reader: Person, peer: Person): Promise<unknown[]> => {
      const page = await v1.get(`/conversations/u${peer.id}/messages`, reader.secret);
      return (page.body?.['items'] as Fields[]).map(({ texts }) => (texts as string[]).join());
    };

    test('a message waits for its time, is listed, and can be cancelled once', async () => {
      const [ann, ben] = [await v1.join('ann'), await v1.join('ben')];
      const before = Date.now();
      const sent = await later(ann, { user: ben.id });
      assert.equal(sent.status, 202);
      const due = Date.parse(String(sent.body?.['sendAt']));
      assert.ok(Math.abs(due - before - 3_600_000) < 60_000);
      const group = await v1.post(
        '/messages',
        { to: { group: 'lobby' }, type: 'json', body: { a: [1] }, sendAt: new Date(due + 1).toISOString() },
        ann.secret,
      );
      assert.equal(group.status, 202);
      const [first, second] = await listOf(ann);
      assert.deepEqual(first, {
        ...{ id: sent.body?.['id'], to: { user: { id: ben.id, name: 'ben' } }, texts: ['later'] },
        ...{ sendAt: sent.body?.['sendAt'], state: 'waiting' },
      });
      assert.deepEqual(
        [second?.['to'], second?.['type'], second?.['body']],
        [{ group: { id: 'lobby', name: 'lobby' } }, 'json', { a: [1] }],
      );
      assert.deepEqual(await listOf(ben), []);
      await at.messaging.scheduled.look();
      assert.deepEqual(await textsOf(ben, ann), []);
      const path = `/scheduled/${String(sent.body?.['id'])}`;
      assert.deepEqual(codeOf(await v1.ask('DELETE', path, undefined, ben.secret)), [404, '9401']);
      assert.equal((await v1.ask('DELETE', path, undefined, ann.secret)).status, 204);
      assert.deepEqual(codeOf(await v1.ask('DELETE', path, undefined, ann.secret)), [404, '9401']);
      assert.equal((await listOf(ann)).length, 1);
    });

    test('a message whose time has come is sent once, and both sides have it', async () => {
      const [cleo, dan] = [await v1.join('cleo'), await v1.join('dan')];
      assert.equal((await later(cleo, { user: dan.id }, { sendAfter: 0 })).status, 202);
      await until('it is sent', async () => {
        await at.messaging.scheduled.look();
        return (await listOf(cleo)).length === 0;
      });
      await at.messaging.scheduled.look();
      assert.deepEqual([await textsOf(dan, cleo), await textsOf(cleo, dan)], [['later'], ['later']]);
    });

    test('a message refused at its time stays listed with its problem until it is cancelled', async () => {
      const [emma, finn] = [await v1.join('emma'), await v1.join('finn')];
      await later(emma, { user: finn.id }, { sendAfter: 0 });
      assert.equal((await v1.ask('PUT', `/blocks/${emma.id}`, undefined, finn.secret)).status, 204);
      await until('it is refused', async () => {
        await at.messaging.scheduled.look();
        return (await listOf(emma))[0]?.['state'] === 'refused';
      });
      const [refused] = await listOf(emma);
      const { at: when, ...problem } = refused?.['problem'] as Fields;
      assert.deepEqual(problem, { code: '9501', detail: 'The recipient has blocked you' });
      assert.ok(Math.abs(Date.parse(String(when)) - Date.now()) < 60_000);
      const path = `/scheduled/${String(refused?.['id'])}`;
      assert.equal((await v1.ask('DELETE', path, undefined, emma.secret)).status, 204);
      assert.deepEqual([await listOf(emma), await textsOf(finn, emma)], [[], []]);
    });

    test('a message of a user who is suspended at its time is refused', async () => {
      const [greta, hugo] = [await v1.join('greta'), await v1.join('hugo')];
      await later(greta, { user: hugo.id }, { sendAfter: 0 });
      at.messaging.suspensions.learn(`user:${greta.id}` as never, 60_000);
      await until('it is refused', async () => {
        await at.messaging.scheduled.look();
        return (await at.store.scheduled.list(Number(greta.id) as UserId))[0]?.refused !== undefined;
      });
      const [refused] = await at.store.scheduled.list(Number(greta.id) as UserId);
      assert.equal(refused?.refused?.code, '9500');
      assert.deepEqual(await textsOf(hugo, greta), []);
    });

    test('a message that is being sent cannot be cancelled', async () => {
      const [ida, jon] = [await v1.join('ida'), await v1.join('jon')];
      const sent = await later(ida, { user: jon.id }, { sendAfter: 0 });
      await until('it is claimed', async () => (await at.store.scheduled.claim(100)).length > 0);
      const path = `/scheduled/${String(sent.body?.['id'])}`;
      assert.deepEqual(codeOf(await v1.ask('DELETE', path, undefined, ida.secret)), [409, '9508']);
      assert.equal((await listOf(ida))[0]?.['state'], 'sending');
    });

    test('a request that is repeated with its key schedules one message', async () => {
      const [kim, lea] = [await v1.join('kim'), await v1.join('lea')];
      const key = { 'idempotency-key': 'tomorrow' };
      const first = await later(kim, { user: lea.id }, {}, key);
      assert.deepEqual((await later(kim, { user: lea.id }, {}, key)).body, first.body);
      assert.equal((await listOf(kim)).length, 1);
      assert.deepEqual(codeOf(await later(kim, { user: lea.id }, { texts: ['x'] }, key)), [400, '3000']);
    });

    test('each wrong request is refused with its own line, and nothing is scheduled', async () => {
      const [max, nia] = [await v1.join('max'), await v1.join('nia')];
      const to = { user: nia.id };
      const group = await v1.post('/groups', { name: 'theirs', category: '', join: 'invite' }, nia.secret);
      for (const [more, status, code, detail] of [
        [{ to: { user: '999999999' } }, 404, '9100', /no user/],
        [{ to: { group: '999999999' } }, 404, '9200', /no such group/],
        [{ to: { group: group.body?.['id'] } }, 403, '9201', /not a member/],
        [{ texts: [] }, 400, '3000', /is missing/],
        [{ type: 'BAD TYPE' }, 400, '9400', /content type/],
        [{ type: 'recall', texts: [], ref: '1:a:1' }, 400, '3000', /cannot be sent later/],
        [{ sendAfter: undefined, sendAt: 'tomorrow' }, 400, '3000', /sendAt/],
        [{ sendAfter: undefined, sendAt: '2026-12-24T18:00:00' }, 400, '3000', /sendAt/],
        [{ sendAt: '2026-12-24T18:00:00Z' }, 400, '3000', /one of them/],
        [{ sendAfter: -1 }, 400, '3000', /sendAfter/],
        [{ sendAfter: 1.5 }, 400, '3000', /sendAfter/],
        [{ sendAfter: 30 * 86_400 + 60 }, 400, '9507', /30 days/],
        [{ sendAfter: 1e300 }, 400, '9507', /30 days/],
        [{ sendAfter: undefined, sendAt: '2001-01-01T00:00:00Z' }, 400, '9507', /the time here is/],
      ] as const) {
        const answer = await later(max, to, more);
        assert.deepEqual(
          codeOf(answer),
          [status, code],
          `${JSON.stringify(more)} ${JSON.stringify(answer.body)}`,
        );
        assert.match(String(answer.body?.['detail']), detail);
      }
      assert.deepEqual(await listOf(max), []);
      for (let i = 0; i < 3; i++) assert.equal((await later(max, to)).status, 202);
      const full = await later(max, to);
      assert.deepEqual(codeOf(full), [409, '9506']);
      assert.match(String(full.body?.['detail']), /^3 messages of yours/);
      assert.deepEqual(codeOf(await v1.ask('DELETE', '/scheduled/none-such', undefined, max.secret)), [
        404,
        '9401',
      ]);
      assert.equal((await v1.get('/scheduled')).status, 401);
    });

    test('the document describes every operation, and each was called', async () => {
      const ola = await v1.join('ola');
      const now = await v1.post('/messages', { to: { group: 'lobby' }, texts: ['now'] }, ola.secret);
      assert.equal(now.status, 201);
      const items = [{ to: { group: 'lobby' }, texts: ['later'], sendAfter: 3_600 }];
      const { body } = await v1.post('/messages', { items }, ola.secret);
      assert.equal((body?.['items'] as Fields[])[0]?.['status'], 202);
      v1.assertDriven('messages', 'scheduled');
    });
  });
