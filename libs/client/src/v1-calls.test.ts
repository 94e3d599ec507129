/**
 * The requests that a client's calls make to `/v1`, and how they read its answers. test/sdk.test.ts tests
 * real routes.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { cim } from '@cim/protocol';
import { ScriptedServer, until } from '../test/scripted-server.ts';
import { CimClient } from './node/client.ts';

let server: ScriptedServer;
let client: CimClient;
/** `METHOD path body` of each call. */
let calls: string[];

beforeEach(async () => {
  server = await ScriptedServer.start();
  client = new CimClient({ routeUrl: server.url, userName: 'alice' });
  await client.connect();
  calls = [];
  answer({});
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

const answer = (given: object, status = 200): void => {
  server.v1 = (call, body) => {
    calls.push(Object.keys(body).length === 0 ? call : `${call} ${JSON.stringify(body)}`);
    return { status, answer: given };
  };
};

const group = {
  id: '17',
  name: 'cooks',
  category: '',
  join: 'invite',
  owner: '1000',
  members: 1,
  role: 'owner',
};
const message = {
  ...{ id: '7:p:1', seq: 4, n: 3, from: { id: '7', name: 'bob' }, texts: ['hi'] },
  storedAt: '2026-01-01T00:00:00.000Z',
};
const messageRead = {
  ...{ id: '7:p:1', seq: 4, n: 3, from: { userId: 7, userName: 'bob' }, texts: ['hi'], type: '' },
  ...{ storedAt: 1_767_225_600_000, edited: false, recalled: false, reactions: [] },
};

describe('scheduled messages', () => {
  const accepted = { id: 'an-id', sendAt: '2026-01-01T00:00:00.000Z' };
  const sendAt = 1_767_225_600_000;

  it('are scheduled by a time or by seconds, with texts or a body, and once when an answer is lost', async () => {
    answer(accepted);
    const { scheduled } = client;
    assert.deepEqual(await scheduled.send({ user: 7 }, 'hi', { sendAt: new Date(sendAt) }), {
      id: 'an-id',
      sendAt,
    });
    await scheduled.send({ group: '17' }, { type: 'json', body: '{"a":1}' }, { sendAfter: 1.2 });
    await scheduled.send({ group: '17' }, { type: 'x.y', body: Uint8Array.of(0, 255) }, { sendAt });
    assert.deepEqual(calls, [
      'POST /messages {"to":{"user":"7"},"texts":["hi"],"sendAt":"2026-01-01T00:00:00.000Z"}',
      'POST /messages {"to":{"group":"17"},"type":"json","body":{"a":1},"sendAfter":2}',
      'POST /messages {"to":{"group":"17"},"type":"x.y","body":"AP8=","sendAt":"2026-01-01T00:00:00.000Z"}',
    ]);
    const lost = [0, 0];
    server.v1 = () => ({ status: lost.shift() ?? 202, answer: accepted });
    const from = server.requests.length;
    await scheduled.send({ user: 7 }, 'hi', { sendAfter: 1 });
    const keys = server.requests.slice(from).map(({ key }) => String(key));
    assert.deepEqual(keys, [keys[0], keys[0], keys[0]]);
  });

  it('that cannot be sent reject before anything is asked', async () => {
    for (const [to, what, when] of [
      [{ user: 0 }, 'hi', { sendAfter: 1 }],
      [{ user: 7 }, '', { sendAfter: 1 }],
      [{ user: 7 }, 'hi', { sendAt: Number.NaN }],
    ] as const)
      await assert.rejects(client.scheduled.send(to, what, when), { code: '3000' });
    await assert.rejects(client.scheduled.send({ user: 7 }, { type: 'BAD' }, { sendAfter: 1 }), {
      code: '9400',
    });
    assert.deepEqual(calls, []);
  });

  it('are listed with all they have, and cancelled by id', async () => {
    const problem = { code: '9501', detail: 'blocked', at: accepted.sendAt };
    answer({
      items: [
        { ...accepted, to: { user: { id: '7', name: 'bob' } }, texts: ['hi'], state: 'refused', problem },
        {
          ...accepted,
          to: { group: { id: '17', name: 'cooks' } },
          type: 'json',
          body: { a: 1 },
          state: 'sending',
        },
      ],
    });
    assert.deepEqual(await client.scheduled.list(), [
      {
        ...{ id: 'an-id', sendAt, to: { user: 7 }, name: 'bob', texts: ['hi'], type: '', state: 'refused' },
        problem: { code: '9501', text: 'blocked' },
      },
      {
        ...{
          id: 'an-id',
          sendAt,
          to: { group: '17' },
          name: 'cooks',
          texts: [],
          type: 'json',
          state: 'sending',
        },
        body: new TextEncoder().encode('{"a":1}'),
      },
    ]);
    await client.scheduled.cancel('an-id');
    assert.equal(calls.at(-1), 'DELETE /scheduled/an-id');
  });
});

describe('groups', () => {
  it('are made once when an answer is lost: the request goes again under the same key, and another call has another one', async () => {
    const lost = [0, 0];
    server.v1 = () => ({ status: lost.shift() ?? 200, answer: group });
    const from = server.requests.length;
    await client.groups.create({ name: 'cooks' });
    await client.groups.create({ name: 'cooks' }, 'my own key');
    const keys = server.requests.slice(from).map(({ key }) => String(key));
    assert.equal(keys.length, 4);
    assert.match(keys[0] ?? '', /^[\w-]{24}$/);
    assert.deepEqual(keys, [keys[0], keys[0], keys[0], 'my own key']);
  });

  it('that are refused are not asked for again', async () => {
    answer({ code: '3000', detail: 'name must be a text' }, 400);
    await assert.rejects(client.groups.create({ name: '' }), { code: '3000' });
    assert.equal(calls.length, 1);
  });

  it('are made, listed, changed and left by one request each, with the secret of the session', async () => {
    answer(group);
    const made = { ...group, owner: 1000 };
    assert.deepEqual(await client.groups.create({ name: 'cooks', users: [7] }), made);
    assert.deepEqual(await client.groups.get('17'), made);
    assert.deepEqual(await client.groups.change('17', { category: 'food' }), made);
    answer({ items: [group], next: 'more' });
    assert.deepEqual(await client.groups.list({ category: 'food', limit: 1 }), {
      items: [made],
      next: 'more',
    });
    answer({ added: ['8'] });
    await client.groups.join('17');
    assert.deepEqual(await client.groups.add('17', [8]), [8]);
    server.v1 = (call, body) => {
      calls.push(`${call} ${JSON.stringify(body)}`);
      return { status: 204 };
    };
    await client.groups.leave('17');
    await client.groups.remove('17', 8);
    await client.groups.setRole('17', 8, 'admin');
    await client.groups.mute('17', 8);
    await client.groups.transfer('17', 8);
    await client.groups.disband('17');
    assert.equal(server.requests.at(-1)?.authorization, 'Bearer secret-1');
    answer({ items: [{ id: '7', name: 'bob', role: 'member', muted: true }] });
    assert.deepEqual(await client.groups.members('17', { after: 'a' }), {
      items: [{ userId: 7, userName: 'bob', role: 'member', muted: true }],
    });
    assert.deepEqual(calls, [
      'POST /groups {"join":"invite","name":"cooks","users":["7"]}',
      'GET /groups/17',
      'PATCH /groups/17 {"category":"food"}',
      'GET /groups?category=food&limit=1',
      'POST /groups/17/members',
      'POST /groups/17/members {"users":["8"]}',
      'DELETE /groups/17/members/1000 {}',
      'DELETE /groups/17/members/8 {}',
      'PATCH /groups/17/members/8 {"role":"admin"}',
      'PATCH /groups/17/members/8 {"muted":true}',
      'POST /groups/17/transfer {"user":"8"}',
      'DELETE /groups/17 {}',
      'GET /groups/17/members?after=a',
    ]);
  });

  it('that a problem forbids: the call rejects with its code and detail', async () => {
    answer(
      { type: 'urn:cim:code:9202', title: 'x', status: 403, code: '9202', detail: 'only an owner may' },
      403,
    );
    await assert.rejects(client.groups.disband('17'), { code: '9202', message: 'only an owner may' });
    answer({ code: '9999', detail: 'of a newer route' }, 409);
    await assert.rejects(client.groups.join('17'), { code: '4000', message: 'of a newer route' });
  });

  it('of a route without /v1, or of something else, are one clear line', async () => {
    answer({ code: '3000', message: 'there is no such path' }, 404);
    await assert.rejects(client.groups.get('17'), /does not know this call \(HTTP 404\); is it of an older/);
    answer({ id: 7 });
    await assert.rejects(client.groups.get('17'), /is not a CIM route/);
    await assert.rejects(client.groups.list(), /is not a CIM route/);
    const fresh = new CimClient({ routeUrl: server.url, userName: 'bob' });
    await assert.rejects(fresh.groups.list(), /there is no session; connect\(\) comes first/);
  });
});

describe('a conversation', () => {
  it('is listed, read and paged', async () => {
    const row = { id: 'u7', name: 'bob', last: message, unread: 2, read: 1, n: 3, peerRead: 9 };
    answer({ items: [row, { ...row, id: 'g17', last: undefined, peerRead: undefined }], next: 'older' });
    const { items, next } = await client.conversations({ limit: 2, before: 'newer' });
    assert.deepEqual(items[0], { ...row, last: messageRead });
    assert.deepEqual(items[1], { id: 'g17', name: 'bob', unread: 2, read: 1, n: 3 });
    assert.equal(next, 'older');
    answer({ items: [message], before: 'b', after: 'a', next: 'b' });
    const bob = client.conversation('u7');
    assert.deepEqual(await bob.messages({ limit: 1, before: 'x y' }), {
      items: [messageRead],
      ...{ before: 'b', after: 'a', next: 'b' },
    });
    answer({ ...row, unread: 0, read: 3 });
    assert.deepEqual(await bob.read(), { unread: 0, read: 3 });
    await bob.read(2);
    assert.deepEqual(calls, [
      'GET /conversations?limit=2&before=newer',
      'GET /conversations/u7/messages?limit=1&before=x+y',
      'GET /conversations/u7',
      'PUT /conversations/u7/read {"n":3}',
      'PUT /conversations/u7/read {"n":2}',
    ]);
  });

  it('shows bodies as bytes, and what was folded into a message', async () => {
    const of = (more: object) => ({ ...message, texts: undefined, ...more });
    answer({
      items: [
        of({ type: 'json', body: { a: [1] } }),
        of({ type: 'com.example.x', body: 'AQI=', ref: '7:p:9' }),
        of({ recalled: true, edited: true, reactions: [{ reaction: '+1', users: ['7', '8'] }] }),
      ],
    });
    const { items } = await client.conversation({ group: '17' }).messages();
    assert.equal(Buffer.from(items[0]?.body ?? []).toString(), '{"a":[1]}');
    assert.deepEqual([items[1]?.body, items[1]?.ref], [Uint8Array.of(1, 2), '7:p:9']);
    const { recalled, edited, reactions, texts } = items[2] ?? {};
    assert.deepEqual(
      [recalled, edited, reactions, texts],
      [true, true, [{ reaction: '+1', users: [7, 8] }], []],
    );
  });

  it('sends, recalls, edits, reacts and types', async () => {
    const cooks = client.conversation('g17');
    await cooks.send('hello');
    await cooks.edit('1000:p:1', 'hullo');
    await cooks.react('1000:p:1', '+1');
    await cooks.react('1000:p:1', '');
    await cooks.recall('1000:p:1');
    const said = server.log('group:17').map((entry) => {
      const { type, texts, ref } = cim.Content.decode(entry.content);
      return [type, ref, ...texts];
    });
    assert.deepEqual(said, [
      ['', '', 'hello'],
      ['edit', '1000:p:1', 'hullo'],
      ['reaction', '1000:p:1', '+1'],
      ['reaction', '1000:p:1'],
      ['recall', '1000:p:1'],
    ]);
    cooks.typing();
    client.conversation({ user: 7 }).typing();
    const signals = () => server.peer.received.flatMap(({ signal }) => signal ?? []);
    await until(() => signals().length === 2, 'both signals');
    assert.deepEqual(
      signals().map(({ kind, to, group: of }) => [kind, to, of]),
      [
        [cim.SignalKind.TYPING, 0, '17'],
        [cim.SignalKind.TYPING, 7, ''],
      ],
    );
  });

  it('that is none is refused with one line', () => {
    for (const none of ['', 'u', 'u0', 'u7x', 'x7', 'gcooks', '17'])
      assert.throws(() => client.conversation(none), {
        code: '3000',
        message: `"${none}" is no conversation; give u<userId> or g<groupId>`,
      });
    assert.throws(() => client.conversation({ group: 'cooks' }), /there is no group "cooks"/);
    assert.equal(client.conversation({ group: 'lobby' }).id, 'globby');
  });
});

describe('devices and users', () => {
  it('are asked for, and a device is ended', async () => {
    answer({
      items: [
        { device: 'd'.repeat(22), label: 'phone', online: true, current: true, seenAt: message.storedAt },
      ],
    });
    assert.deepEqual(await client.devices.list(), [
      { device: 'd'.repeat(22), label: 'phone', online: true, current: true, seenAt: messageRead.storedAt },
    ]);
    await client.devices.end('cim');
    answer({ id: '7', name: 'bob', online: true });
    const bob = { userId: 7, userName: 'bob', online: true };
    assert.deepEqual([await client.users.byName('BOB'), await client.users.byId(7)], [bob, bob]);
    assert.deepEqual(calls, ['GET /sessions', 'DELETE /sessions/cim', 'GET /users?name=BOB', 'GET /users/7']);
  });
});
