/** Sending, sending once, histories and conversations under `/v1`. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { textsOf } from '../own/own-world.ts';
import type { RuleIn } from '../rule.ts';
import { assertProblem, itemsOf, type Json, textsIn, type V1World } from './v1-world.ts';

const where = 'http.md#v1';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export const V1_MESSAGE_RULES: readonly RuleIn<V1World>[] = [
  {
    name: 'v1/send/created-201',
    says: '`POST /v1/messages` answers 201 with the id `<sender>:<producer>:<counter>`, `seq`, `storedAt` and `online`; to a user who is away `online` is false.',
    where,
    check: async ({ someone, sends }) => {
      const [from, to] = [await someone(), await someone()];
      const { status, body } = await sends(from, to, 'hello');
      const { id, seq, storedAt, online } = body;
      assert.deepEqual({ status, seq, online }, { status: 201, seq: 1, online: false });
      assert.match(String(id), new RegExp(`^${from.id}:[A-Za-z0-9_-]{16,64}:\\d+$`), 'the id');
      assert.match(String(storedAt), ISO, 'storedAt');
    },
  },
  {
    name: 'v1/send/arrives-at-live-session',
    says: 'A message that is sent over `/v1` comes to a live session of its recipient, and `online` is true.',
    where,
    check: async ({ someone, online, call }) => {
      const [from, to] = [await someone(), await online()];
      const body = { to: { user: String(to.user.userId) }, texts: ['hello'] };
      const { status, body: said } = await call('POST /v1/messages', { body, secret: from.secret });
      assert.deepEqual([status, said['online']], [201, true]);
      const entries = await to.connection.entries(1);
      assert.deepEqual([entries[0]?.sender, ...textsOf(entries)], [Number(from.id), 'hello']);
    },
  },
  {
    name: 'v1/send/json-body',
    says: 'With `"type": "json"` the `body` is any JSON and comes back as it was; a type of one\'s own has a body in base64.',
    where,
    check: async ({ someone, gets }) => {
      const [from, to] = [await someone(), await someone()];
      const rows = [
        { type: 'json', body: { lunch: ['now?', null, 1.5, { 李: '雷' }] } },
        { type: 'acme.order', body: Buffer.from([0, 255, 7]).toString('base64') },
      ];
      for (const row of rows)
        await gets(201, 'POST /v1/messages', { body: { to: { user: to.id }, ...row }, secret: from.secret });
      const page = await gets(200, `GET /v1/conversations/u${from.id}/messages`, { secret: to.secret });
      assert.deepEqual(
        itemsOf(page).map(({ type, body }) => ({ type, body })),
        rows,
      );
    },
  },
  {
    name: 'v1/idempotency/repeated-once',
    says: 'A request that is repeated with the same `Idempotency-Key` is answered like the first and stores one message.',
    where: 'http.md#sending-once',
    check: async ({ someone, sends, gets }) => {
      const [from, to, key] = [await someone(), await someone(), randomUUID()];
      const first = await sends(from, to, 'once', key);
      const second = await sends(from, to, 'once', key);
      const said = ({ status, body }: { status: number; body: Json }) => [status, body['id'], body['seq']];
      assert.deepEqual(said(second), said(first));
      const page = await gets(200, `GET /v1/conversations/u${from.id}/messages`, { secret: to.secret });
      assert.deepEqual(textsIn(page), ['once']);
    },
  },
  {
    name: 'v1/idempotency/other-text-3000',
    says: 'The same key with another text is refused with 3000, HTTP 400, and stores nothing.',
    where: 'http.md#sending-once',
    check: async ({ someone, sends, gets }) => {
      const [from, to, key] = [await someone(), await someone(), randomUUID()];
      await sends(from, to, 'one', key);
      assertProblem(await sends(from, to, 'another', key), [400, '3000'], 'the key with another text');
      const page = await gets(200, `GET /v1/conversations/u${from.id}/messages`, { secret: to.secret });
      assert.deepEqual(textsIn(page), ['one']);
    },
  },
  {
    name: 'v1/idempotency/of-one-sender-and-recipient',
    says: 'Keys of different senders or recipients have nothing to do with each other.',
    where: 'http.md#sending-once',
    check: async ({ someone, sends, gets }) => {
      const [ann, ben, to, key] = [await someone(), await someone(), await someone(), randomUUID()];
      for (const [from, recipient] of [
        [ann, to],
        [ben, to],
        [ann, ben],
      ] as const)
        assert.equal((await sends(from, recipient, `of ${from.name}`, key)).status, 201);
      for (const from of [ann, ben]) {
        const page = await gets(200, `GET /v1/conversations/u${from.id}/messages`, { secret: to.secret });
        assert.deepEqual(textsIn(page), [`of ${from.name}`]);
      }
    },
  },
  {
    name: 'v1/history/both-sides',
    says: 'A history has what both sides said, oldest first, and is the same for both.',
    where,
    check: async ({ someone, sends, gets }) => {
      const [ann, ben] = [await someone(), await someone()];
      for (const [i, [from, to]] of [[ann, ben] as const, [ben, ann] as const, [ann, ben] as const].entries())
        assert.equal((await sends(from, to, `${i}`)).status, 201);
      const ofAnn = await gets(200, `GET /v1/conversations/u${ben.id}/messages`, { secret: ann.secret });
      const ofBen = await gets(200, `GET /v1/conversations/u${ann.id}/messages`, { secret: ben.secret });
      assert.deepEqual(textsIn(ofAnn), ['0', '1', '2']);
      const said = (page: Json) => itemsOf(page).map(({ id, from, texts }) => ({ id, from, texts }));
      assert.deepEqual(said(ofAnn), said(ofBen));
      assert.deepEqual(
        itemsOf(ofAnn).map(({ from }) => from),
        [ann, ben, ann].map(({ id, name }) => ({ id, name })),
      );
    },
  },
  {
    name: 'v1/history/pages-without-gaps',
    says: 'Pages by `before` and `after` have every message once and in order, also while messages arrive; `next` is absent on the last.',
    where,
    check: async ({ someone, sends, gets }) => {
      const [from, to] = [await someone(), await someone()];
      const texts = Array.from({ length: 7 }, (_, i) => `${i}`);
      for (const text of texts) await sends(from, to, text);
      const path = `GET /v1/conversations/u${from.id}/messages?limit=3`;
      const { secret } = to;
      const newest = await gets(200, path, { secret });
      const back: unknown[] = textsIn(newest);
      let at = newest;
      for (let pages = 0; at['next'] !== undefined && pages < 9; pages++) {
        await sends(from, to, `later ${pages}`);
        at = await gets(200, `${path}&before=${at['next'] as string}`, { secret });
        back.unshift(...textsIn(at));
      }
      assert.deepEqual(back, texts, 'back from the newest page');
      const forth: unknown[] = [];
      let after = String(newest['after']);
      for (let pages = 0; pages < 9; pages++) {
        const page = await gets(200, `${path}&after=${after}`, { secret });
        forth.push(...textsIn(page));
        if (page['next'] === undefined) break;
        after = page['next'] as string;
      }
      const later = forth.map((_, i) => `later ${i}`);
      assert.deepEqual(forth, later, 'on from the newest page');
      assert.ok(forth.length >= 2, `2 pages or more are expected behind the first, came ${forth.length}`);
    },
  },
  {
    name: 'v1/history/foreign-cursor-9404',
    says: 'A cursor of another list is refused with 9404.',
    where,
    check: async ({ someone, sends, call, gets }) => {
      const [from, to] = [await someone(), await someone()];
      await sends(from, to, 'x');
      await sends(to, from, 'y');
      const { secret } = to;
      const { after } = await gets(200, `GET /v1/conversations/u${from.id}/messages`, { secret });
      const other = `GET /v1/conversations/globby/messages?after=${String(after)}`;
      assertProblem(await call(other, { secret }), [400, '9404'], 'the cursor of another list');
      const none = `GET /v1/conversations/u${from.id}/messages?after=eA`;
      assertProblem(await call(none, { secret }), [400, '9404'], 'a cursor that is none');
    },
  },
  {
    name: 'v1/conversations/unread-and-read-mark',
    says: 'A conversation counts what is unread; `PUT` of `read` moves the mark, never back, and beyond the end is 9405.',
    where,
    check: async ({ someone, sends, call, gets }) => {
      const [from, to] = [await someone(), await someone()];
      for (const text of ['1', '2', '3']) await sends(from, to, text);
      const { secret } = to;
      const own = async () => {
        const page = await gets(200, 'GET /v1/conversations', { secret });
        const found = itemsOf(page).find(({ id }) => id === `u${from.id}`) ?? {};
        return [found['unread'], found['read'], (found['last'] as Json | undefined)?.['texts']];
      };
      assert.deepEqual(await own(), [3, 0, ['3']]);
      const path = `PUT /v1/conversations/u${from.id}/read`;
      assert.deepEqual(await gets(200, path, { body: { n: 2 }, secret }), { unread: 1, read: 2 });
      assert.deepEqual(await gets(200, path, { body: { n: 1 }, secret }), { unread: 1, read: 2 });
      assert.deepEqual(await own(), [1, 2, ['3']]);
      assertProblem(await call(path, { body: { n: 99 }, secret }), [400, '9405'], 'beyond the end');
    },
  },
  {
    name: 'v1/groups/members-read-and-write',
    says: 'Who creates a group owns it; a user joins an open one, sends to it and reads from the own join on; a stranger is refused with 9201.',
    where,
    check: async ({ someone, call, gets }) => {
      const [ann, ben, cid] = [await someone(), await someone(), await someone()];
      const made = await gets(201, 'POST /v1/groups', {
        body: { name: 'Lunch', category: 'food', join: 'open' },
        secret: ann.secret,
      });
      const { id, name, owner, members, join } = made;
      const group = String(id);
      assert.deepEqual(
        { name, owner, members, join },
        { name: 'Lunch', owner: ann.id, members: 1, join: 'open' },
      );
      const say = (secret: string, text: string) =>
        call('POST /v1/messages', { body: { to: { group }, texts: [text] }, secret });
      assert.equal((await say(ann.secret, 'before')).status, 201);
      const { added } = await gets(200, `POST /v1/groups/${group}/members`, { body: {}, secret: ben.secret });
      assert.deepEqual(added, [ben.id]);
      assert.equal((await say(ben.secret, 'after')).status, 201);
      const page = await gets(200, `GET /v1/conversations/g${group}/messages`, { secret: ben.secret });
      assert.deepEqual(textsIn(page), ['after']);
      assertProblem(await say(cid.secret, 'x'), [403, '9201'], 'a send of a stranger');
      const read = await call(`GET /v1/conversations/g${group}/messages`, { secret: cid.secret });
      assertProblem(read, [403, '9201'], 'a read of a stranger');
    },
  },
  {
    name: 'v1/groups/invite-shows-itself-to-members',
    says: 'A group that is `invite` shows itself to members alone: to others it is 9201.',
    where,
    check: async ({ someone, call, gets }) => {
      const [ann, ben] = [await someone(), await someone()];
      const body = { name: 'Board', join: 'invite' };
      const { id } = await gets(201, 'POST /v1/groups', { body, secret: ann.secret });
      const path = `GET /v1/groups/${String(id)}`;
      assertProblem(await call(path, { secret: ben.secret }), [403, '9201'], 'to a stranger');
      await gets(200, `POST /v1/groups/${String(id)}/members`, {
        body: { users: [ben.id] },
        secret: ann.secret,
      });
      assert.equal((await gets(200, path, { secret: ben.secret }))['name'], 'Board');
    },
  },
];
