/** Conversations over `/v1`: pages of both sides, lists with unread counts, read marks. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ENGINES, startStore } from '../../test/engines.ts';
import { RunningRoute } from '../../test/running-route.ts';
import { V1Client } from '../../test/v1-client.ts';

type Fields = Readonly<Record<string, unknown>>;

for (const engine of ENGINES)
  describe(`conversations on ${engine}`, { concurrency: false }, () => {
    let store: Awaited<ReturnType<typeof startStore>>;
    let at: RunningRoute;
    let v1: V1Client;
    before(async () => {
      store = await startStore(engine);
      at = await RunningRoute.start(store);
      v1 = await V1Client.of(at.route);
    });
    after(async () => {
      await at.stop();
      await store.end();
    });

    const join = (name: string) => v1.join(name);
    type Person = Awaited<ReturnType<typeof join>>;
    const say = async (from: Person, to: Fields, content: Fields): Promise<string> => {
      const sent = await v1.post('/messages', { to, ...content }, from.secret);
      assert.equal(sent.status, 201, JSON.stringify(sent.body));
      return String(sent.body?.['id']);
    };
    const itemsOf = ({ body }: { readonly body: Fields | undefined }) => body?.['items'] as Fields[];
    const textOf = ({ texts }: Fields): unknown => (texts as string[] | undefined)?.join();

    test('pages hold the messages of both, oldest first, equal for both, without gaps or overlaps while more arrive', async () => {
      const [ann, ben] = [await join('ann'), await join('ben')];
      const said: string[] = [];
      const talk = async (): Promise<void> => {
        const [from, to] = said.length % 2 === 0 ? [ann, ben] : [ben, ann];
        said.push(await say(from, { user: to.id }, { texts: [`text ${said.length}`] }));
      };
      for (let i = 0; i < 7; i++) await talk();
      for (const [reader, peer] of [
        [ann, ben],
        [ben, ann],
      ] as const) {
        const path = `/conversations/u${peer.id}/messages?limit=3`;
        const newest = await v1.get(path, reader.secret);
        const pages = [itemsOf(newest)];
        await talk();
        for (let page = newest; page.body?.['next'] !== undefined; ) {
          page = await v1.get(`${path}&before=${page.body['next'] as string}`, reader.secret);
          pages.unshift(itemsOf(page));
          assert.equal(page.body?.['next'], page.body?.['before']);
        }
        const older = pages.flat();
        assert.deepEqual(
          older.map(({ id }) => id),
          said.slice(0, -1),
        );
        const later = await v1.get(`${path}&after=${String(newest.body?.['after'])}`, reader.secret);
        assert.deepEqual(
          itemsOf(later).map(({ id }) => id),
          said.slice(-1),
        );
        assert.equal(later.body?.['next'], undefined);
      }
      const [first] = itemsOf(await v1.get(`/conversations/u${ben.id}/messages?limit=100`, ann.secret));
      assert.deepEqual(first?.['from'], { id: ann.id, name: 'ann' });
      assert.equal(textOf(first), 'text 0');
    });

    test('bodies come as they were sent; edits, recalls and reactions are folded in', async () => {
      const [cleo, dan] = [await join('cleo'), await join('dan')];
      const to = { user: dan.id };
      const poll = Buffer.from([1, 0, 255]).toString('base64');
      const ids = [
        await say(cleo, to, { texts: ['tyop'] }),
        await say(cleo, to, { texts: ['secret'] }),
        await say(cleo, to, { type: 'json', body: { a: [1, 'ü', null] } }),
        await say(cleo, to, { type: 'org.example.poll', body: poll, texts: ['a poll'] }),
      ];
      await say(cleo, to, { type: 'edit', ref: ids[0], texts: ['typo'] });
      await say(cleo, to, { type: 'recall', ref: ids[1] });
      await say(dan, { user: cleo.id }, { type: 'reaction', ref: ids[2], texts: ['👍'] });
      for (const [reader, peer] of [
        [cleo, dan],
        [dan, cleo],
      ] as const) {
        const items = itemsOf(await v1.get(`/conversations/u${peer.id}/messages`, reader.secret));
        assert.deepEqual(
          items.map(({ id }) => id),
          ids,
        );
        const [edited, recalled, json, opaque] = items;
        assert.deepEqual(
          [edited?.['texts'], edited?.['edited'], edited?.['type']],
          [['typo'], true, undefined],
        );
        assert.ok(typeof edited?.['editedAt'] === 'string');
        assert.deepEqual([recalled?.['texts'], recalled?.['recalled']], [undefined, true]);
        assert.deepEqual([json?.['type'], json?.['body']], ['json', { a: [1, 'ü', null] }]);
        assert.deepEqual(json?.['reactions'], [{ reaction: '👍', users: [dan.id] }]);
        assert.deepEqual(
          [opaque?.['type'], opaque?.['body'], opaque?.['texts']],
          ['org.example.poll', poll, ['a poll']],
        );
      }
    });

    test('the list is newest first, with the last message, the unread count, and the read mark, which never goes back', async () => {
      const [eve, fay, gus] = [await join('eve'), await join('fay'), await join('gus')];
      for (const text of ['one', 'two', 'three']) await say(fay, { user: eve.id }, { texts: [text] });
      await say(gus, { user: eve.id }, { texts: ['four'] });
      const list = async (query = '') => itemsOf(await v1.get(`/conversations${query}`, eve.secret));
      const short = (items: Fields[]) =>
        items
          .filter(({ id }) => id !== 'globby')
          .map(({ id, name, unread, last }) => [id, name, unread, textOf(last as Fields)]);
      assert.deepEqual(short(await list()), [
        [`u${gus.id}`, 'gus', 1, 'four'],
        [`u${fay.id}`, 'fay', 3, 'three'],
      ]);
      const first = await v1.get('/conversations?limit=1', eve.secret);
      const second = await list(`?limit=1&before=${String(first.body?.['next'])}`);
      assert.deepEqual([...short(itemsOf(first)), ...short(second)], short(await list()));

      const [, two] = itemsOf(await v1.get(`/conversations/u${fay.id}/messages`, eve.secret));
      const mark = (n: unknown) => v1.ask('PUT', `/conversations/u${fay.id}/read`, { n }, eve.secret);
      const moved = await mark(two?.['n']);
      assert.deepEqual([moved.status, moved.body], [200, { unread: 1, read: two?.['n'] }]);
      assert.deepEqual((await mark(0)).body, moved.body);
      const one = (await v1.get(`/conversations/u${fay.id}`, eve.secret)).body ?? {};
      assert.deepEqual([one['unread'], one['read'], one['n']], [1, two?.['n'], 4]);
      const seen = (await v1.get(`/conversations/u${eve.id}`, fay.secret)).body ?? {};
      assert.deepEqual([seen['unread'], seen['peerRead']], [0, two?.['n']]);

      const beyond = await mark(5);
      assert.deepEqual([beyond.status, beyond.body?.['code']], [400, '9405']);
      assert.deepEqual((await mark(4)).body, { unread: 0, read: 4 });
    });

    test('messages to everybody from before a user’s first login are not unread', async () => {
      const hal = await join('hal');
      await say(hal, { group: 'lobby' }, { texts: ['before'] });
      const joe = await join('joe');
      const unread = async () => (await v1.get('/conversations/globby', joe.secret)).body?.['unread'];
      assert.equal(await unread(), 0);
      await say(hal, { group: 'lobby' }, { texts: ['after'] });
      assert.equal(await unread(), 1);
    });

    test('bad input has its own code and sentence', async () => {
      const ida = await join('ida');
      const ask = (method: string, path: string, body?: unknown) =>
        v1.ask(method, `/conversations/${path}`, body, ida.secret);
      const other = itemsOf(await v1.get('/online')).length;
      assert.equal(other, 0);
      await say(ida, { group: 'lobby' }, { texts: ['x'] });
      const { body: lobby } = await v1.get('/conversations/globby/messages', ida.secret);
      const foreign = String(lobby?.['after']);
      for (const [method, path, body, status, code, detail] of [
        ['GET', 'x/messages', undefined, 400, '3000', /^id must be "u" and a user id/],
        ['GET', 'u0/messages', undefined, 400, '3000', /^id must be "u" and a user id/],
        ['GET', 'u9999999999999999/messages', undefined, 404, '9100', /no such user/],
        ['GET', 'u7/messages', undefined, 404, '9100', /./],
        ['GET', 'u7', undefined, 404, '9100', /./],
        ['PUT', 'u7/read', { n: 0 }, 404, '9100', /./],
        ['GET', 'g999/messages', undefined, 404, '9200', /^There is no such group$/],
        ['GET', 'g999', undefined, 404, '9200', /^There is no such group$/],
        ['PUT', 'g999/read', { n: 0 }, 404, '9200', /^There is no such group$/],
        ['GET', `u${ida.id}/messages?after=${foreign}`, undefined, 400, '9404', /another list/],
        ['GET', `u${ida.id}/messages?after=a&before=b`, undefined, 400, '3000', /./],
        ['GET', `u${ida.id}/messages?limit=101`, undefined, 400, '3000', /^limit must be <= 100$/],
        ['PUT', 'globby/read', { n: 1_000 }, 400, '9405', /beyond the end/],
        ['PUT', 'globby/read', {}, 400, '3000', /^n is missing$/],
        ['PUT', 'globby/read', { n: -1 }, 400, '3000', /^n must be >= 0$/],
        ['PUT', 'globby/read', { n: 'all' }, 400, '3000', /^n must be integer$/],
      ] as const) {
        const answer = await ask(method, path, body);
        const saying = `${method} ${path}: ${JSON.stringify(answer.body)}`;
        assert.deepEqual([answer.status, answer.body?.['code']], [status, code], saying);
        assert.match(String(answer.body?.['detail']), detail, saying);
      }
      assert.equal((await v1.get('/conversations?before=x', ida.secret)).body?.['code'], '9404');
      assert.equal((await v1.get('/conversations')).status, 401);
    });

    test('every operation was called', () => v1.assertDriven('conversations'));
  });
