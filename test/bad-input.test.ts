/**
 * What people get wrong, said at every door that takes it: TCP with raw frames of our wire, `/v1` and the SDK. Each mistake
 * has a code of its own, the same at all doors, and one sentence; nothing of it is stored.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CimClient, memoryState, type Outgoing, type Recipient } from '@cim/client/node';
import {
  CimError,
  cim,
  encodeFrame,
  FrameDecoder,
  type GroupId,
  groupStream,
  inboxOf,
  type MessageId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { randomText, silentLogger } from '@cim/runtime';
import { GROUP_LIMITS, type GroupOperation, openEmbeddedStore, type Store } from '@cim/store';
import { ServerProcess, until } from '@cim/testkit';

const DAY_MS = 24 * 3_600_000;
const DEVICES = 2;
const BLOCKS = 1_000;
const LONG = 'x'.repeat(8_193);

/** What a door answers: the code, and the sentence for a person. */
interface Said {
  readonly code: string;
  readonly text: string;
}

/** A session on our wire that knows nothing of the SDK. */
class RawSession {
  readonly #socket: Socket;
  readonly #frames: cim.Frame[] = [];

  constructor(port: number, userId: number, ticket: string) {
    this.#socket = connect(port, '127.0.0.1');
    const decoder = new FrameDecoder(1 << 20);
    this.#socket.on('data', (chunk) =>
      decoder.push(chunk, (body) => {
        this.#frames.push(cim.Frame.decode(body));
        return true;
      }),
    );
    this.#say({ login: { userId, ticket, level: 1 } });
  }

  async opened(): Promise<void> {
    await until('the session is welcome', () => this.#frames.some(({ welcome }) => welcome !== null));
  }

  /** Under a producer of its own. */
  async send(to: Recipient, { texts = [], type = '', body, ref = '' }: Content): Promise<Said> {
    const producer = randomText(24);
    const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const content = cim.Content.encode({ texts: [...texts], type, ref, body: bytes }).finish();
    const at = 'user' in to ? { to: to.user } : { group: to.group };
    this.#say({ send: { ...at, producer, counter: 1, content } });
    const receipt = () => this.#frames.find((frame) => frame.receipt?.producer === producer)?.receipt;
    await until('a receipt comes', () => receipt() !== undefined);
    const { outcome, code, text } = receipt() ?? new cim.Receipt();
    assert.equal(outcome, cim.Outcome.REFUSED, text ?? '');
    return { code: code ?? '', text: text ?? '' };
  }

  end(): void {
    this.#socket.destroy();
  }

  #say(frame: cim.Frame.$Properties): void {
    this.#socket.write(encodeFrame(cim.Frame, frame));
  }
}

/** Without a type: texts. The body is JSON. */
interface Content {
  readonly texts?: readonly string[];
  readonly type?: string;
  readonly body?: unknown;
  readonly ref?: string;
}

/** A user at all doors. */
class Person {
  readonly id: number;
  readonly client: CimClient;
  readonly #url: string;
  readonly #secret: string;
  readonly #raw: RawSession;

  private constructor(url: string, id: number, secret: string, raw: RawSession, client: CimClient) {
    this.#url = url;
    this.id = id;
    this.#secret = secret;
    this.#raw = raw;
    this.client = client;
  }

  static async join(url: string, name: string): Promise<Person> {
    const answer = await fetch(`${url}/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, device: `raw-device-of-${name}` }),
    });
    assert.equal(answer.status, 201);
    const { secret, ticket, user, address } = (await answer.json()) as {
      readonly secret: string;
      readonly ticket: string;
      readonly user: { readonly id: string };
      readonly address: { readonly port: number };
    };
    const raw = new RawSession(address.port, Number(user.id), ticket);
    await raw.opened();
    const client = new CimClient({ routeUrl: url, userName: name, state: memoryState() });
    await client.connect();
    return new Person(url, Number(user.id), secret, raw, client);
  }

  async v1(method: string, path: string, body?: unknown): Promise<Said> {
    const answer = await fetch(`${this.#url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#secret}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(answer.status >= 400, `${method} ${path}: ${answer.status} ${text}`);
    const { code, detail } = JSON.parse(text) as { readonly code: string; readonly detail: string };
    return { code, text: detail };
  }

  /** The same send at each door. */
  sends(to: Recipient, content: Content): Readonly<Record<string, () => Promise<Said>>> {
    const { body, ...given } = content;
    const outgoing: Outgoing = { ...given, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const recipient = 'user' in to ? { user: String(to.user) } : to;
    return {
      TCP: () => this.#raw.send(to, content),
      '/v1': () => this.v1('POST', '/messages', { to: recipient, ...content }),
      SDK: async () => {
        const answer = await this.client.send(to, outgoing);
        assert.ok(answer.outcome === 'refused', answer.outcome);
        return answer;
      },
    };
  }

  async leave(): Promise<void> {
    this.#raw.end();
    await this.client.close();
  }
}

/** What a call of the SDK rejects with. */
const rejection = (call: Promise<unknown>): Promise<Said> =>
  call.then(
    () => assert.fail('it was done'),
    (error: unknown) => {
      assert.ok(error instanceof CimError, String(error));
      return { code: error.code, text: error.message };
    },
  );

/** What was there before the server started: old messages, full groups. */
class Before {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async account(name: string): Promise<NamedUser> {
    const parsed = parseUserName(name);
    assert.ok(parsed.ok);
    return (await this.#store.accounts.register(parsed.name)).account;
  }

  /** @returns the id of the message */
  async append(
    sender: NamedUser,
    stream: StreamRef,
    content: cim.Content.$Properties,
    operation?: GroupOperation,
  ): Promise<string> {
    const producer = randomText(24) as ProducerId;
    const bytes = cim.Content.encode(content).finish();
    const about =
      content.type === 'member' ? undefined : ((content.ref || undefined) as MessageId | undefined);
    const item = {
      ...{ stream, sender, producer, counter: 1, digest: producer, content: bytes, operation },
      ...{ about, silent: about !== undefined },
    };
    const { outcome } = await new Promise<{ outcome: string }>((resolve) =>
      this.#store.streams.append(item, resolve),
    );
    assert.equal(outcome, 'ok');
    return `${sender.userId}:${producer}:1`;
  }

  async group(owner: NamedUser, join: 'open' | 'invite', users: readonly NamedUser[] = []): Promise<GroupId> {
    const group = await this.#store.groups.newId();
    await this.change(owner, group, { kind: 'create', name: 'a group', category: '', join, users });
    return group;
  }

  async change(by: NamedUser, group: GroupId, operation: GroupOperation): Promise<void> {
    await this.append(by, groupStream(group), { type: 'member', body: Buffer.from('{}') }, operation);
  }
}

describe('bad input', { concurrency: false }, () => {
  let dir: string;
  let server: ServerProcess;
  let ada: Person;
  let full: Person;
  const people = new Map<string, NamedUser>();
  const ids: Record<string, number> = {};
  const groups: Record<'own' | 'foreign' | 'muted' | 'admin' | 'plain' | 'full' | 'open', GroupId> = {
    ...{ own: '' as GroupId, foreign: '' as GroupId, muted: '' as GroupId, admin: '' as GroupId },
    ...{ plain: '' as GroupId, full: '' as GroupId, open: '' as GroupId },
  };
  const said: Record<
    'old' | 'young' | 'of ben' | 'recalled' | 'reaction' | 'with cat' | 'of ben in plain',
    string
  > = {
    ...{ old: '', young: '', 'of ben': '', recalled: '', reaction: '', 'with cat': '' },
    'of ben in plain': '',
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cim-bad-input-'));
    await seed();
    server = await ServerProcess.start('standalone', {
      CIM_DATA_DIR: dir,
      CIM_SESSION_POLICY: 'devices',
      CIM_MAX_DEVICES: String(DEVICES),
    });
    ada = await Person.join(server.routeUrl, 'ada');
    full = await Person.join(server.routeUrl, 'full');
  });
  after(async () => {
    await Promise.all([ada.leave(), full.leave()]);
    await server.end();
    await rm(dir, { recursive: true, force: true });
  });

  async function seed(): Promise<void> {
    let ago = 2 * DAY_MS;
    const store = await openEmbeddedStore({ dir, logger: silentLogger(), now: () => Date.now() - ago });
    const past = new Before(store);
    for (const name of ['ada', 'ben', 'cat', 'full', 'shy']) {
      const account = await past.account(name);
      people.set(name, account);
      ids[name] = account.userId;
    }
    const [a, b, c, f, shy] = ['ada', 'ben', 'cat', 'full', 'shy'].map((name) => people.get(name));
    assert.ok(a && b && c && f && shy);
    said.old = await past.append(a, inboxOf(b.userId), { texts: ['old'] });
    ago = 0;
    said.young = await past.append(a, inboxOf(b.userId), { texts: ['young'] });
    said['of ben'] = await past.append(b, inboxOf(a.userId), { texts: ['hello ada'] });
    said['with cat'] = await past.append(a, inboxOf(c.userId), { texts: ['hello cat'] });
    said.recalled = await past.append(a, inboxOf(b.userId), { texts: ['no'] });
    for (const [type, about] of [
      ['recall', said.recalled],
      ['reaction', said['of ben']],
    ] as const)
      said.reaction = await past.append(a, inboxOf(b.userId), { type, ref: about, texts: [] });
    await store.blocks.block(shy.userId, a.userId);
    for (let i = 1; i <= BLOCKS; i++) await store.blocks.block(f.userId, (100_000 + i) as UserId);

    groups.own = await past.group(a, 'invite', [b]);
    groups.foreign = await past.group(b, 'invite');
    groups.plain = await past.group(b, 'invite', [a, c]);
    said['of ben in plain'] = await past.append(b, groupStream(groups.plain), { texts: ['hello'] });
    groups.admin = await past.group(b, 'invite', [a, c]);
    await past.change(b, groups.admin, { kind: 'role', user: a.userId, role: 'admin' });
    groups.muted = await past.group(b, 'invite', [a]);
    await past.change(b, groups.muted, { kind: 'mute', user: a.userId, muted: true });
    groups.open = await past.group(b, 'open');
    groups.full = await past.group(b, 'open');
    const crowd = Array.from({ length: GROUP_LIMITS.members - 1 }, (_, i) => ({
      userId: (1_000_000 + i) as UserId,
      userName: `m${i}`,
    }));
    for (let i = 0; i < crowd.length; i += 10_000)
      await past.change(b, groups.full, { kind: 'add', users: crowd.slice(i, i + 10_000) });
    await Promise.all(Array.from({ length: GROUP_LIMITS.groupsOfUser }, () => past.group(f, 'invite')));
    await store.stop();
  }

  type Doors = Readonly<Record<string, () => Promise<Said>>>;
  type Row = readonly [mistake: string, code: string, says: RegExp, doors: Doors];

  async function check(rows: readonly Row[]): Promise<void> {
    const wrong: string[] = [];
    for (const [mistake, code, says, doors] of rows)
      for (const [door, act] of Object.entries(doors)) {
        const answer = await act().catch((error: unknown) => ({ code: '', text: String(error) }));
        const isRight = answer.code === code && says.test(answer.text) && !answer.text.includes('\n');
        if (!isRight)
          wrong.push(`${mistake}, ${door}: ${answer.code} ${answer.text}; not ${code} ${String(says)}`);
      }
    assert.deepEqual(wrong, []);
  }

  const to = (name: string): Recipient => ({ user: ids[name] ?? 0 });

  /** A call that TCP does not have: over `/v1`, and of the SDK. */
  const call = (
    method: string,
    path: string,
    body: object | undefined,
    sdk: (client: CimClient) => Promise<unknown>,
    by = ada,
  ): Doors => ({ '/v1': () => by.v1(method, path, body), SDK: () => rejection(sdk(by.client)) });

  test('recipients', async () => {
    const hello = { texts: ['hello'] };
    await check([
      ['unknown user', '9100', /^there is no user with this id$/, ada.sends({ user: 999_999 }, hello)],
      ['unknown group', '9200', /^There is no such group$/, ada.sends({ group: '999999' }, hello)],
      ['no group id', '3000', /group/, ada.sends({ group: 'friends' }, hello)],
      ['no member', '9201', /^You are not a member/, ada.sends({ group: groups.foreign }, hello)],
      ['muted', '9203', /^You are muted/, ada.sends({ group: groups.muted }, hello)],
      ['blocked', '9501', /^The recipient has blocked you$/, ada.sends(to('shy'), hello)],
    ]);
  });

  test('contents', async () => {
    const ben = to('ben');
    const ref = said['of ben'];
    const rows: readonly (readonly [string, string, RegExp, Content])[] = [
      ['no text', '3000', /is missing|no texts/, {}],
      ['an empty text', '3000', /^a text is empty$/, { texts: [''] }],
      ['a long text', '3000', /^a text has 8193 bytes; at most 8192/, { texts: [LONG] }],
      ['101 texts', '3000', /101 texts.*at most 100/, { texts: Array<string>(101).fill('x') }],
      ['no name of a type', '9400', /^a content type has 1 to 64/, { type: 'No!', body: 'eA==' }],
      [
        'a type of servers',
        '9400',
        /^only servers write contents of type member$/,
        { type: 'member', body: {} },
      ],
      ['no JSON', '3000', /^the body is not JSON/, { type: 'json' }],
      ['a recall of nothing', '3000', /needs the id of the message in ref$/, { type: 'recall' }],
      ['a recall with texts', '3000', /recall has no texts$/, { type: 'recall', ref, texts: ['x'] }],
      ['an edit without texts', '3000', /is missing/, { type: 'edit', ref: said.young }],
      ['two reactions', '3000', /^a reaction has one text/, { type: 'reaction', ref, texts: ['+', '-'] }],
      ['a long reaction', '3000', /at most 64 bytes$/, { type: 'reaction', ref, texts: ['x'.repeat(65)] }],
    ];
    await check(rows.map(([mistake, code, says, content]) => [mistake, code, says, ada.sends(ben, content)]));
  });

  test('events about messages', async () => {
    const ben = to('ben');
    const plain = { group: groups.plain };
    const nothing = `${ada.id}:AAAAAAAAAAAAAAAA:1`;
    const edit = (ref: string): Content => ({ type: 'edit', ref, texts: ['x'] });
    const recall = (ref: string): Content => ({ type: 'recall', ref });
    const reaction = (ref: string): Content => ({ type: 'reaction', ref, texts: ['+'] });
    const none = /^There is no such message in this conversation$/;
    const other = /^This message is not yours$/;
    await check([
      ['an edit of nothing', '9401', none, ada.sends(ben, edit(nothing))],
      ['a recall of nothing', '9401', none, ada.sends(ben, recall(nothing))],
      ['a reaction to nothing', '9401', none, ada.sends(ben, reaction(nothing))],
      ['a reaction to what is no id', '9401', none, ada.sends(plain, reaction('yesterday'))],
      ['another conversation', '9401', none, ada.sends(ben, edit(said['with cat']))],
      ['a message of a user, in a group', '9401', none, ada.sends(plain, reaction(said['of ben']))],
      ['an edit of an event', '9401', none, ada.sends(ben, edit(said.reaction))],
      ['an edit of a recalled one', '9401', /was recalled/, ada.sends(ben, edit(said.recalled))],
      ['a reaction to a recalled one', '9401', /was recalled/, ada.sends(ben, reaction(said.recalled))],
      ["an edit of somebody else's", '9402', other, ada.sends(ben, edit(said['of ben']))],
      ["a recall of somebody else's", '9402', other, ada.sends(ben, recall(said['of ben']))],
      ['the same in a group', '9402', other, ada.sends(plain, recall(said['of ben in plain']))],
      [
        'a recall too late',
        '9403',
        /^A message can be recalled for 24 hours$/,
        ada.sends(ben, recall(said.old)),
      ],
      ['no member', '9201', /^You are not/, ada.sends({ group: groups.foreign }, reaction(nothing))],
      ['unknown group', '9200', /^There is no such group$/, ada.sends({ group: '999999' }, edit(nothing))],
      [
        'later',
        '3000',
        /cannot be sent later/,
        {
          '/v1': () =>
            ada.v1('POST', '/messages', {
              to: { user: String(ids['ben']) },
              ...edit(said.young),
              sendAfter: 9,
            }),
        },
      ],
    ]);
  });

  test('conversations, cursors and read marks', async () => {
    const [ben, cat] = [`u${ids['ben']}`, `u${ids['cat']}`];
    await ada.client.conversation(to('cat')).send('a second one');
    const { before } = await ada.client.conversation(to('cat')).messages({ limit: 1 });
    const { next } = await full.client.groups.list({ limit: 1 });
    const { next: ofMembers } = await ada.client.groups.members(groups.plain, { limit: 1 });
    assert.ok(before !== undefined && next !== undefined && ofMembers !== undefined);
    const foreign = /^The page cursor belongs to another list; /;
    const messages = (of: string, query = '') => `/conversations/${of}/messages${query}`;
    const pages = (of: string, cursor?: string) => (client: CimClient) =>
      client.conversation(of).messages(cursor === undefined ? {} : { before: cursor });
    const mark = (of: string) => (client: CimClient) => client.conversation(of).read(1_000);
    const n = { n: 1_000 };
    await check([
      [
        'unknown user',
        '9100',
        /^there is no such user$/,
        call('GET', messages('u999999'), undefined, pages('u999999')),
      ],
      [
        'unknown group',
        '9200',
        /^There is no such group$/,
        call('GET', messages('g999999'), undefined, pages('g999999')),
      ],
      [
        'no member',
        '9201',
        /^You are not a member/,
        call('GET', messages(`g${groups.foreign}`), undefined, pages(`g${groups.foreign}`)),
      ],
      [
        'no conversation',
        '3000',
        /u<userId>|"u" and a user id/,
        call('GET', messages('ben'), undefined, (client) =>
          Promise.resolve().then(() => client.conversation('ben').messages()),
        ),
      ],
      [
        'the state of one with nobody',
        '9100',
        /^there is no such user$/,
        call('GET', '/conversations/u999999', undefined, (client) => client.conversation('u999999').info()),
      ],
      [
        'a cursor of another conversation',
        '9404',
        foreign,
        call('GET', messages(ben, `?before=${before}`), undefined, pages(ben, before)),
      ],
      [
        'a cursor of another group',
        '9404',
        foreign,
        call('GET', `/groups/${groups.admin}/members?after=${ofMembers}`, undefined, (client) =>
          client.groups.members(groups.admin, { after: ofMembers }),
        ),
      ],
      [
        "a cursor of somebody else's list",
        '9404',
        foreign,
        call('GET', `/groups?after=${next}`, undefined, (client) => client.groups.list({ after: next })),
      ],
      [
        'no cursor',
        '9404',
        foreign,
        call('GET', '/conversations?before=x', undefined, (client) => client.conversations({ before: 'x' })),
      ],
      [
        'a read mark beyond the end',
        '9405',
        /beyond the end/,
        call('PUT', `/conversations/${cat}/read`, n, mark(cat)),
      ],
      [
        'the same in a group',
        '9405',
        /beyond the end/,
        call('PUT', `/conversations/g${groups.own}/read`, n, mark(`g${groups.own}`)),
      ],
      [
        'a read mark with nobody',
        '9100',
        /^there is no such user$/,
        call('PUT', '/conversations/u999999/read', { n: 0 }, (client) =>
          client.conversation('u999999').read(0),
        ),
      ],
      [
        'a read mark as no member',
        '9201',
        /^You are not a member/,
        call('PUT', `/conversations/g${groups.foreign}/read`, n, mark(`g${groups.foreign}`)),
      ],
    ]);
  });

  test('groups', async () => {
    const { own, foreign, admin, plain, open } = groups;
    const [b, c, shy] = [ids['ben'] ?? 0, ids['cat'] ?? 0, ids['shy'] ?? 0];
    const at = (group: string, rest = '') => `/groups/${group}${rest}`;
    const users = (...of: number[]) => ({ users: of.map(String) });
    const many = Array.from({ length: 101 }, (_, i) => 2_000 + i);
    const role = /^Your role in this group does not allow this$/;
    const none = /^There is no such group$/;
    const rename = (group: string, name = 'x') =>
      call('PATCH', at(group), { name }, ({ groups }) => groups.change(group, { name }));
    const add = (group: string, ...of: number[]) =>
      call('POST', at(group, '/members'), users(...of), ({ groups }) => groups.add(group, of));
    const enter = (group: string, by = ada) =>
      call('POST', at(group, '/members'), {}, ({ groups }) => groups.join(group), by);
    const remove = (group: string, user: number) =>
      call('DELETE', at(group, `/members/${user}`), undefined, ({ groups }) => groups.remove(group, user));
    const transfer = (group: string, user: number) =>
      call('POST', at(group, '/transfer'), { user: String(user) }, ({ groups }) =>
        groups.transfer(group, user),
      );
    const mute = (group: string, user: number) =>
      call('PATCH', at(group, `/members/${user}`), { muted: true }, ({ groups }) => groups.mute(group, user));
    const promote = (group: string, user: number) =>
      call('PATCH', at(group, `/members/${user}`), { role: 'admin' }, ({ groups }) =>
        groups.setRole(group, user, 'admin'),
      );
    const create = (given: { name: string; category?: string; users?: number[] }, by = ada) =>
      call(
        'POST',
        '/groups',
        { ...given, join: 'invite', ...(given.users && users(...given.users)) },
        ({ groups }) => groups.create(given),
        by,
      );
    await check([
      [
        'a name that is too long',
        '3000',
        /^name has 65 characters; give 1 to 64$/,
        create({ name: 'x'.repeat(65) }),
      ],
      ['no name', '3000', /^name has 0 characters/, create({ name: ' ' })],
      ['a long category', '3000', /^category has 33 /, create({ name: 'x', category: 'x'.repeat(33) })],
      [
        'with an unknown user',
        '9100',
        /^there is no user with the id 999999$/,
        create({ name: 'x', users: [999_999] }),
      ],
      ['with 101 users', '3000', /100/, create({ name: 'x', users: many })],
      [
        'with somebody who has blocked the owner',
        '9501',
        /^shy has blocked you/,
        create({ name: 'x', users: [shy] }),
      ],
      ['the 1,001st group', '9205', /1000 groups/, create({ name: 'x' }, full)],
      ['the same by joining', '9205', /1000 groups/, enter(open, full)],
      ['the same by being added', '9205', /^full .*1000 groups/, add(own, full.id)],
      ['the 100,001st member', '9204', /100,000 members/, enter(groups.full)],
      [
        'reading an unknown group',
        '9200',
        none,
        call('GET', at('999999'), undefined, (client) => client.groups.get('999999')),
      ],
      [
        'reading as no member',
        '9201',
        /^You are not/,
        call('GET', at(foreign), undefined, (client) => client.groups.get(foreign)),
      ],
      [
        'its members',
        '9201',
        /^You are not/,
        call('GET', at(foreign, '/members'), undefined, (client) => client.groups.members(foreign)),
      ],
      ['a change of an unknown group', '9200', none, rename('999999')],
      ['as no member', '9201', /^You are not/, rename(foreign)],
      ['as member', '9202', role, rename(plain)],
      ['a change to a long name', '3000', /^name has 65/, rename(own, 'x'.repeat(65))],
      [
        'a change of nothing',
        '3000',
        /^nothing to change; give/,
        call('PATCH', at(own), {}, ({ groups }) => groups.change(own, {})),
      ],
      ['a change of the lobby', '9202', /lobby/, rename('lobby')],
      ['adding as member', '9202', role, add(plain, b)],
      ['adding nobody', '3000', /at least one/, add(own)],
      ['adding an unknown user', '9100', /^there is no user with the id 999999$/, add(own, 999_999)],
      ['adding 101', '3000', /100/, add(own, ...many)],
      ['adding somebody who has blocked the caller', '9501', /^shy has blocked you/, add(own, shy)],
      ['joining an unknown group', '9200', none, enter('999999')],
      ['joining by invitation only', '9202', /invitation/, enter(foreign)],
      [
        'leaving as no member',
        '9201',
        /^You are not/,
        call('DELETE', at(foreign, `/members/${ada.id}`), undefined, (client) =>
          client.groups.leave(foreign),
        ),
      ],
      [
        'leaving as owner',
        '9202',
        /^the owner cannot leave; transfer/,
        call('DELETE', at(own, `/members/${ada.id}`), undefined, (client) => client.groups.leave(own)),
      ],
      ['removing as member', '9202', role, remove(plain, c)],
      ['removing the owner as admin', '9202', role, remove(admin, b)],
      [
        'removing somebody who is no member',
        '9100',
        /^this user is not a member of the group$/,
        remove(own, c),
      ],
      ['removing an unknown user', '9100', /^there is no user with the id 999999$/, remove(own, 999_999)],
      ['a role as admin', '9202', role, promote(admin, c)],
      ['a role of somebody who is no member', '9100', /^this user is not a member/, promote(own, c)],
      ['muting as member', '9202', role, mute(plain, c)],
      ['a transfer as admin', '9202', role, transfer(admin, c)],
      ['a transfer to somebody who is no member', '9100', /^this user is not a member/, transfer(own, c)],
      ['a transfer to an unknown user', '9100', /^there is no user with the id/, transfer(own, 999_999)],
      [
        'disbanding as admin',
        '9202',
        role,
        call('DELETE', at(admin), undefined, (client) => client.groups.disband(admin)),
      ],
      [
        'disbanding an unknown group',
        '9200',
        none,
        call('DELETE', at('999999'), undefined, (client) => client.groups.disband('999999')),
      ],
    ]);
  });

  test('users, devices, blocks and messages that are sent later', async () => {
    const unknown = /^there is no such user$/;
    const device = 'another-device-id';
    const later = (to: Recipient, sendAfter: number): Doors =>
      call(
        'POST',
        '/messages',
        { to: 'user' in to ? { user: String(to.user) } : to, texts: ['x'], sendAfter },
        ({ scheduled }) => scheduled.send(to, 'x', { sendAfter }),
      );
    const more: Doors = {
      '/v1': () => ada.v1('POST', '/sessions', { name: 'ada', device }),
      SDK: async () => {
        const client = new CimClient({ routeUrl: server.routeUrl, userName: 'ada', state: memoryState() });
        return rejection(client.connect()).finally(() => client.close());
      },
    };
    await check([
      [
        'a user by id',
        '9100',
        unknown,
        call('GET', '/users/999999', undefined, ({ users }) => users.byId(999_999)),
      ],
      [
        'a user by name',
        '9100',
        unknown,
        call('GET', '/users?name=nobody', undefined, ({ users }) => users.byName('nobody')),
      ],
      ['one device too many', '9301', /^You have too many devices; end/, more],
      [
        'a device that is not there',
        '9300',
        /^You have no such device$/,
        call('DELETE', `/sessions/${device}`, undefined, ({ devices }) => devices.end(device)),
      ],
      [
        'no device id',
        '3000',
        /^device must be a device id/,
        call('DELETE', '/sessions/x', undefined, ({ devices }) => devices.end('x')),
      ],
      [
        'blocking nobody',
        '9100',
        unknown,
        call('PUT', '/blocks/999999', undefined, ({ blocks }) => blocks.add(999_999)),
      ],
      [
        'blocking oneself',
        '3000',
        /^nobody can block themselves$/,
        call('PUT', `/blocks/${ada.id}`, undefined, ({ blocks }) => blocks.add(ada.id)),
      ],
      [
        'the 1,001st block',
        '9505',
        /1,000 others/,
        call('PUT', `/blocks/${ada.id}`, undefined, ({ blocks }) => blocks.add(ada.id), full),
      ],
      ['later to nobody', '9100', /^there is no user with this id$/, later({ user: 999_999 }, 60)],
      ['later to an unknown group', '9200', /^There is no such group$/, later({ group: '999999' }, 60)],
      ['later as no member', '9201', /^You are not/, later({ group: groups.foreign }, 60)],
      ['too much later', '9507', /30 days/, later(to('ben'), 31 * 24 * 3_600)],
      [
        'cancelling nothing',
        '9401',
        /./,
        call('DELETE', '/scheduled/nothing', undefined, ({ scheduled }) => scheduled.cancel('nothing')),
      ],
    ]);
  });

  test('nothing of all that was stored', async () => {
    const last = async (of: string) => (await ada.client.conversation(of).messages()).items.at(-1)?.id;
    assert.equal(await last(`u${ids['ben']}`), said.recalled);
    assert.equal(await last(`g${groups.plain}`), said['of ben in plain']);
    assert.deepEqual((await ada.client.conversation(to('shy')).messages()).items, []);
    assert.deepEqual(await ada.client.scheduled.list(), []);
    const own = await ada.client.groups.get(groups.own);
    assert.deepEqual([own.name, own.members, own.owner], ['a group', 2, ada.id]);
    assert.equal((await ada.client.groups.list()).items.length, 4);
  });
});
