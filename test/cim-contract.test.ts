/**
 * The contract with an unmodified CIM client, and with a person who follows CIM's quick start. Each row is a
 * case against one process of ours, with a client that shares no code with it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type CimAnswer,
  CimConnection,
  type CimFrame,
  cimDelimited,
  cimFrame,
  cimRequest,
  cimVarint,
  ServerProcess,
  TestAuthority,
  UnmodifiedCimClient,
  until,
  writeTlsFiles,
} from '@cim/testkit';
import { overTls, overWebSocket } from './cim-dials.ts';

const OFFLINE = 'You selected user is offline!, please try again later!';
const REPEAT = 'Repeat login, log out an account please!';
const UNKNOWN = 'The User information you have used is incorrect!';
/** A text of messages only; no log may contain it. */
const SECRET = 'a-text-for-nobodys-log';

/** The carrier of frames: `tcp`, or `tls` and `ws` for the rows that touch the transport. */
const wire = process.env['CIM_TEST_WIRE'] ?? 'tcp';
const authority = new TestAuthority();
const dial = new Map([
  ['tls', overTls(authority.cert)],
  ['ws', overWebSocket],
]).get(wire);

let dir: string;
let server: ServerProcess;
let url: string;
let nobodyOnline: CimAnswer;
let names = 0;
const connections: CimConnection[] = [];

before(async () => {
  const builder = new URL('../scripts/build.mjs', import.meta.url).href;
  const { build } = (await import(builder)) as { readonly build: () => Promise<void> };
  await build();
  dir = await mkdtemp(join(tmpdir(), 'cim-contract-'));
  server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: dir,
    CIM_LOG_LEVEL: 'debug',
    CIM_LOGIN_RATE: '200',
    // CIM's clients need a port that takes plain text too.
    ...(wire === 'tls' && { ...writeTlsFiles(dir, authority).env, CIM_INSECURE: 'true' }),
  });
  url = server.routeUrl.replace('https:', 'http:');
  nobodyOnline = await cimRequest(url, '/onlineUser');
});

after(async () => {
  for (const connection of connections) await connection.end();
  await server.end();
  await rm(dir, { recursive: true, force: true });
});

const post = (path: string, body: object | string) => cimRequest(url, path, body);

/** A registered client with its own name. */
function somebody(name = `user-${++names}`): Promise<UnmodifiedCimClient> {
  return UnmodifiedCimClient.register(url, name, dial);
}

/** A registered client that is logged in. */
async function online(name?: string): Promise<UnmodifiedCimClient> {
  const client = await somebody(name);
  connections.push(await client.connect());
  return client;
}

async function stranger(): Promise<CimConnection> {
  const connection = await CimConnection.open('127.0.0.1', server.tcpPort, dial);
  connections.push(connection);
  return connection;
}

async function closedWithin(connection: CimConnection, withinMs: number): Promise<number> {
  const begun = performance.now();
  await until('the server closes the channel', () => !connection.isOpen, withinMs);
  return performance.now() - begun;
}

const propertiesOf = (from: UnmodifiedCimClient, to: UnmodifiedCimClient) => ({
  sendUserId: String(from.userId),
  sendUserName: from.userName,
  receiveUserId: String(to.userId),
});

const fields = ({ cmd, id, text, properties, batch }: CimFrame) => ({ cmd, id, text, properties, batch });
const live = (from: UnmodifiedCimClient, to: UnmodifiedCimClient, text: string) => ({
  cmd: 1,
  id: to.userId,
  text,
  properties: propertiesOf(from, to),
  batch: [],
});
const stored = (from: UnmodifiedCimClient, to: UnmodifiedCimClient, batch: string[]) => ({
  cmd: 3,
  id: to.userId,
  text: '',
  properties: propertiesOf(from, to),
  batch,
});

/** All frames up to a live private message, which comes last. */
async function framesUpTo(to: UnmodifiedCimClient, from: UnmodifiedCimClient): Promise<unknown[]> {
  const end = `end-${++names}`;
  assert.equal((await from.toUser(to.userId, end)).code, '9000');
  const frames: unknown[] = [];
  for (;;) {
    const frame = await to.channel.next(`frames up to ${end}`);
    if (frame.text === end) return frames;
    frames.push(fields(frame));
  }
}

type Case = readonly [name: string, run: () => Promise<void>];

const http: readonly Case[] = [
  [
    '/onlineUser is [] when nobody is online',
    () => Promise.resolve(assert.deepEqual(nobodyOnline.dataBody, [])),
  ],
  [
    'every success has the envelope of CIM, and /login the three fields of CIM',
    async () => {
      const client = await somebody();
      const { code, message, reqNo, dataBody } = await client.logIn();
      assert.deepEqual(
        { code, message, reqNo, dataBody },
        {
          code: '9000',
          message: 'Success',
          reqNo: null,
          dataBody: { ip: '127.0.0.1', cimServerPort: server.tcpPort, httpPort: server.httpPort },
        },
      );
      await client.logOut();
    },
  ],
  [
    'a name that exists answers its own account',
    async () => {
      const client = await somebody();
      assert.equal((await somebody(client.userName)).userId, client.userId);
      assert.ok(Number.isSafeInteger(client.userId) && client.userId > 0);
    },
  ],
  [
    'reqNo is echoed in successes and in refusals, and null without one',
    async () => {
      const client = await somebody();
      const rows: [string, object, string, number][] = [
        ['/registerAccount', { userName: client.userName }, '9000', 200],
        ['/registerAccount', {}, '3000', 200],
        ['/login', { userId: client.userId, userName: client.userName }, '9000', 200],
        ['/login', { userId: client.userId, userName: client.userName }, '5000', 200],
        ['/groupRoute', { userId: 1, msg: 'x' }, '9100', 400],
        ['/offLine', { userId: client.userId, msg: 'x' }, '9000', 200],
        ['/nowhere', {}, '3000', 404],
      ];
      for (const [path, body, code, status] of rows) {
        const answer = await post(path, { ...body, reqNo: 'r-1', timeStamp: 7 });
        assert.deepEqual([answer.code, answer.reqNo, answer.status], [code, 'r-1', status], path);
      }
      assert.equal((await post('/registerAccount', {})).reqNo, null);
    },
  ],
  [
    'unknown fields and nulls are ignored on every path',
    async () => {
      const client = await somebody();
      const more = {
        reqNo: null,
        timeStamp: null,
        extra: { a: [1] },
        password: null,
        session: null,
        wire: null,
      };
      const { userId, userName } = client;
      const rows: [string, object][] = [
        ['/registerAccount', { userName }],
        ['/login', { userId, userName }],
        ['/groupRoute', { userId, msg: 'x', batchMsg: null }],
        ['/fetchOfflineMsgs', { receiveUserId: userId }],
        ['/offLine', { userId, msg: null }],
      ];
      for (const [path, body] of rows)
        assert.equal((await post(path, { ...more, ...body })).code, '9000', path);
      const p2p = await post('/p2pRoute', {
        ...more,
        userId,
        receiveUserId: userId,
        msg: 'x',
        batchMsg: null,
      });
      assert.equal(p2p.code, '7000');
    },
  ],
  [
    'a field that is missing or wrong is 3000, which says which',
    async () => {
      const { userId, userName } = await somebody();
      const rows: [string, object | string, RegExp][] = [
        ['/registerAccount', { userName: '' }, /userName/],
        ['/registerAccount', { userName: 'x'.repeat(33) }, /userName/],
        ['/login', { userId: 'x', userName }, /userId/],
        ['/login', { userId }, /userName/],
        ['/p2pRoute', { userId, msg: 'x' }, /receiveUserId/],
        ['/p2pRoute', { userId, receiveUserId: userId }, /msg/],
        ['/groupRoute', { userId, msg: null }, /msg/],
        ['/fetchOfflineMsgs', {}, /receiveUserId/],
        ['/offLine', '{"userId":', /JSON/],
      ];
      for (const [path, body, problem] of rows) {
        const answer = await post(path, body);
        assert.equal(answer.code, '3000', path);
        assert.match(answer.message, problem);
      }
    },
  ],
  [
    'an unknown account or a wrong name is 9100',
    async () => {
      const { userId } = await somebody();
      const rows: [string, object][] = [
        ['/login', { userId: 999_999_999, userName: 'x' }],
        ['/login', { userId, userName: 'x' }],
        ['/p2pRoute', { userId: 999_999_999, receiveUserId: userId, msg: 'x' }],
        ['/offLine', { userId: 999_999_999, msg: 'x' }],
        ['/fetchOfflineMsgs', { receiveUserId: 999_999_999 }],
      ];
      for (const [path, body] of rows) {
        const { code, message } = await post(path, body);
        assert.deepEqual([code, message], ['9100', UNKNOWN], path);
      }
      const nobody = { userId, receiveUserId: 999_999_999, msg: 'x' };
      assert.equal((await post('/p2pRoute', nobody)).code, '9100');
    },
  ],
  [
    "a refused send is HTTP 400, since CIM's client takes a 200 for sent; other refusals are 200",
    async () => {
      const [{ userId, userName }, to] = [await somebody(), await online()];
      const rows: [string, object | string, string, number][] = [
        ['/p2pRoute', { userId, receiveUserId: to.userId, msg: '' }, '3000', 400],
        ['/p2pRoute', { userId, receiveUserId: 'x', msg: 'x' }, '3000', 400],
        ['/p2pRoute', { userId, receiveUserId: 999_999_999, msg: 'x' }, '9100', 400],
        ['/p2pRoute', { userId: 999_999_999, receiveUserId: userId, msg: 'x' }, '9100', 400],
        ['/p2pRoute', '{"userId":', '3000', 400],
        ['/groupRoute', { userId, msg: 'x'.repeat(8 * 1024 + 1) }, '3000', 400],
        ['/groupRoute', { userId: 999_999_999, msg: 'x' }, '9100', 400],
        ['/groupRoute', '[]', '3000', 400],
        ['/fetchOfflineMsgs', { receiveUserId: 999_999_999 }, '9100', 200],
        ['/login', { userId, userName: `${userName}?` }, '9100', 200],
        ['/login', '{"userId":', '3000', 200],
      ];
      for (const [path, body, code, status] of rows) {
        const answer = await post(path, body);
        assert.deepEqual([answer.code, answer.status, answer.dataBody], [code, status, null], path);
      }
      await to.channel.ping();
      assert.deepEqual(to.channel.unread, []);
      await to.end();
    },
  ],
  [
    'an unknown path is HTTP 404 in the envelope, a path that cannot be decoded too',
    async () => {
      for (const path of ['/nowhere', '/p2pRoute/x', '/%zz', '/login']) {
        const { status, code, message, dataBody } = await cimRequest(url, path);
        assert.deepEqual([status, code, dataBody], [404, '3000', null], path);
        assert.match(message, /^[^\n]+$/);
      }
    },
  ],
  [
    'a body that is not UTF-8 is refused in one line, and nothing of it is stored',
    async () => {
      const [{ userId }, to] = [await somebody(), await online()];
      const broken = (head: string) =>
        Buffer.concat([Buffer.from(head), Buffer.from([0xe9]), Buffer.from('"}')]);
      const rows: [string, string, number][] = [
        ['/p2pRoute', `{"userId":${userId},"receiveUserId":${to.userId},"msg":"caf`, 400],
        ['/groupRoute', `{"userId":${userId},"msg":"caf`, 400],
        ['/registerAccount', '{"userName":"caf', 200],
      ];
      for (const [path, head, status] of rows) {
        const answer = await cimRequest(url, path, broken(head));
        assert.deepEqual(
          [answer.status, answer.code, answer.message],
          [status, '3000', 'the body is not UTF-8'],
          path,
        );
      }
      await to.channel.ping();
      assert.deepEqual(to.channel.unread, []);
      await to.end();
    },
  ],
  [
    'a repeated login is 5000 and changes nothing for the first',
    async () => {
      const [client, friend] = [await online(), await somebody()];
      const { code, message } = await client.logIn();
      assert.deepEqual([code, message], ['5000', REPEAT]);
      assert.deepEqual(await framesUpTo(client, friend), []);
      await client.end();
    },
  ],
  [
    'idle connections are kept for over 5 minutes',
    async () => {
      const { headers } = await cimRequest(url, '/onlineUser');
      assert.ok(Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1]) > 300);
    },
  ],
  [
    '/onlineUser lists who is online, in the fields of CIM',
    async () => {
      const client = await online();
      const listed = async () => {
        const { dataBody } = await cimRequest(url, '/onlineUser');
        return (dataBody as { userId: number; userName: string }[]).find((u) => u.userId === client.userId);
      };
      await until('the user is listed', async () => (await listed()) !== undefined);
      assert.deepEqual(await listed(), { userId: client.userId, userName: client.userName });
      await client.end();
      await until('the user is listed no more', async () => (await listed()) === undefined);
    },
  ],
];

const tcp: readonly Case[] = [
  [
    'a TCP login is answered with nothing, a ping with the pong of CIM to the byte',
    async () => {
      const client = await online();
      assert.deepEqual(client.channel.unread, []);
      assert.equal((await client.channel.ping()).bytes.toString('hex'), '0a04706f6e671802');
      await client.end();
    },
  ],
  [
    'a TCP login without a login over HTTP, or under another name, is closed',
    async () => {
      const [client, friend] = [await somebody(), await online()];
      const rows: [number, string][] = [
        [client.userId, client.userName],
        [friend.userId, friend.userName],
        [friend.userId, 'x'],
        [999_999_999, 'x'],
        [0, ''],
        [Number.MAX_SAFE_INTEGER, '__proto__'],
      ];
      for (const [userId, userName] of rows) {
        const connection = await stranger();
        connection.logIn(userId, userName);
        await closedWithin(connection, 2_000);
        assert.deepEqual(connection.unread, []);
      }
      assert.equal((await friend.channel.ping()).text, 'pong');
      await friend.end();
    },
  ],
  [
    'a channel that sends a frame too long, or none at all, is closed at once',
    async () => {
      const login = cimFrame({ id: 1, text: 'x' });
      const rows: [string, Buffer][] = [
        ['2 GiB', cimVarint(2 ** 31 - 1)],
        ['4 GiB', cimVarint(2 ** 32 - 1)],
        ['a length without an end', Buffer.alloc(11, 0xff)],
        ['over 4 KiB before the login', cimVarint(4 * 1024 + 1)],
        ['not protobuf', cimDelimited(Buffer.alloc(64, 0xff))],
        ['cut inside a field', cimDelimited(login.subarray(1, -1))],
        // A GET may be the handshake of a WebSocket, and is answered in HTTP.
        ['HTTP that is no WebSocket', Buffer.from(`POST / HTTP/1.1\r\nHost: ${'x'.repeat(100)}\r\n\r\n`)],
        ['a ping before the login', cimFrame({ cmd: 2, text: 'ping' })],
        ['an unknown command', cimFrame({ cmd: 77 })],
      ];
      for (const [what, bytes] of rows) {
        const connection = await stranger();
        connection.send(bytes);
        assert.ok((await closedWithin(connection, 2_000)) < 2_000, what);
        assert.deepEqual(connection.unread, [], what);
      }
      const client = await online();
      client.channel.send(cimVarint(64 * 1024 + 1));
      await closedWithin(client.channel, 2_000);
    },
  ],
  [
    'frames that mean nothing to a server change nothing after the login',
    async () => {
      const [client, friend] = [await online(), await somebody()];
      client.channel.logIn(friend.userId, friend.userName);
      client.channel.send(cimFrame({ cmd: 1, id: friend.userId, text: 'x' }));
      client.channel.send(
        cimFrame({ cmd: 77, batch: ['x'], properties: { __proto__: 'x', receiveUserId: '' } }),
      );
      client.channel.send(cimDelimited(Buffer.alloc(0)));
      assert.equal((await client.channel.ping()).text, 'pong');
      assert.deepEqual(await framesUpTo(client, friend), []);
      await client.end();
    },
  ],
  [
    '/offLine closes the channel and frees the user',
    async () => {
      const client = await online();
      const first = client.channel;
      assert.equal((await client.logOut()).code, '9000');
      await closedWithin(first, 2_000);
      connections.push(await client.connect());
      await client.end();
    },
  ],
  [
    'a channel that ends without a word frees its user',
    async () => {
      const client = await online();
      await client.channel.end();
      await until('the login is taken again', async () => (await client.logIn()).code === '9000', 3_000);
      await client.logOut();
    },
  ],
  [
    'the end of an old channel changes nothing of the new login',
    async () => {
      const [client, friend] = [await online(), await somebody()];
      for (let i = 0; i < 5; i++) {
        const old = client.channel;
        await client.logOut();
        connections.push(await client.connect());
        await closedWithin(old, 2_000);
      }
      assert.equal((await client.logIn()).code, '5000');
      assert.deepEqual(await framesUpTo(client, friend), []);
      await client.end();
    },
  ],
];

const messages: readonly Case[] = [
  [
    'a private message comes live with the properties of CIM',
    async () => {
      const [from, to] = [await online(), await online()];
      const { code, message, dataBody } = await from.toUser(to.userId, SECRET);
      assert.deepEqual([code, message, dataBody], ['9000', 'Success', null]);
      assert.deepEqual(fields(await to.channel.next()), live(from, to, SECRET));
      assert.deepEqual(from.channel.unread, []);
      await Promise.all([from.end(), to.end()]);
    },
  ],
  [
    'a text arrives as it was sent, whatever is in it',
    async () => {
      const [from, to] = [await somebody(), await online()];
      const texts = [
        'a;;b;;c',
        ';;;;',
        `${to.userId};;x;;y`,
        ' ',
        ':q!',
        'two\nlines\r\n',
        '\u0000\u001b[2J',
        '李雷 👩‍👩‍👧 ‮',
        '{"msg":"x"}',
        '${jndi:ldap://x} %s',
        '__proto__',
        'x'.repeat(8 * 1024),
      ];
      for (const text of texts) {
        assert.equal((await from.toUser(to.userId, text)).code, '9000');
        assert.deepEqual(fields(await to.channel.next()), live(from, to, text));
      }
      await to.end();
    },
  ],
  [
    'one /p2pRoute with batchMsg is one frame with batchReqMsg, live and stored',
    async () => {
      const [from, to] = [await somebody(), await somebody()];
      assert.equal((await from.batchToUser(to.userId, ['1', '2;;3', '4'])).code, '7000');
      connections.push(await to.connect());
      await to.fetchOffline();
      assert.deepEqual(fields(await to.channel.next()), stored(from, to, ['1', '2;;3', '4']));
      assert.equal((await from.batchToUser(to.userId, ['a', 'b;;c', 'd'])).code, '9000');
      const expected = { ...stored(from, to, ['a', 'b;;c', 'd']), cmd: 1 };
      assert.deepEqual(fields(await to.channel.next()), expected);
      await to.end();
    },
  ],
  [
    'a message to somebody offline is 7000, and delivered when they come, in order, each under its sender',
    async () => {
      const [ann, ben, to] = [await somebody(), await somebody(), await somebody()];
      const sends: [UnmodifiedCimClient, string][] = [
        [ann, 'a1'],
        [ann, 'a2'],
        [ben, 'b1'],
        [ann, 'a3'],
        [ben, 'b2'],
        [ben, 'b3'],
      ];
      for (const [from, text] of sends) {
        const { code, message, status } = await from.toUser(to.userId, text);
        assert.deepEqual([code, message, status], ['7000', OFFLINE, 200]);
      }
      connections.push(await to.connect());
      assert.equal((await to.fetchOffline()).code, '9000');
      const expected = [
        stored(ann, to, ['a1', 'a2']),
        stored(ben, to, ['b1']),
        stored(ann, to, ['a3']),
        stored(ben, to, ['b2', 'b3']),
      ];
      for (const frame of expected) assert.deepEqual(fields(await to.channel.next()), frame);
      assert.deepEqual(await framesUpTo(to, ann), []);
      await to.end();
    },
  ],
  [
    'stored messages come in at most 8 frames in 100 ms',
    async () => {
      const [ann, ben, to] = [await somebody(), await somebody(), await somebody()];
      const texts = Array.from({ length: 25 }, (_, i) => `${i}`);
      for (const [i, text] of texts.entries()) await (i % 2 === 0 ? ann : ben).toUser(to.userId, text);
      connections.push(await to.connect());
      await to.fetchOffline();
      const frames: CimFrame[] = [];
      while (frames.length < texts.length) frames.push(await to.channel.next());
      assert.deepEqual(
        frames.flatMap((frame) => frame.batch),
        texts,
      );
      // Half of the client's own lateness is allowed.
      for (let i = 8; i < frames.length; i++)
        assert.ok((frames[i]?.at ?? 0) - (frames[i - 8]?.at ?? 0) > 50, `frame ${i} came too soon`);
      await to.end();
    },
  ],
  [
    'live private messages wait behind the stored ones',
    async () => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toUser(to.userId, 'stored');
      connections.push(await to.connect());
      assert.equal((await from.toUser(to.userId, 'live-1')).code, '9000');
      assert.equal((await from.toUser(to.userId, 'live-2')).code, '9000');
      await to.channel.ping();
      assert.deepEqual(to.channel.unread, []);
      await to.fetchOffline();
      const expected = [stored(from, to, ['stored']), live(from, to, 'live-1'), live(from, to, 'live-2')];
      for (const frame of expected) assert.deepEqual(fields(await to.channel.next()), frame);
      await to.end();
    },
  ],
  [
    'a stored message comes once, also when the client logs out as soon as it has it',
    async () => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toUser(to.userId, 'once');
      connections.push(await to.connect());
      await to.fetchOffline();
      assert.deepEqual(fields(await to.channel.next()), stored(from, to, ['once']));
      await to.logOut();
      connections.push(await to.connect());
      await to.fetchOffline();
      assert.deepEqual(await framesUpTo(to, from), []);
      await to.end();
    },
  ],
  [
    'a live message comes once, also when the client logs out as soon as it has it',
    async () => {
      const [from, to] = [await somebody(), await online()];
      await from.toUser(to.userId, 'once');
      assert.deepEqual(fields(await to.channel.next()), live(from, to, 'once'));
      await to.logOut();
      connections.push(await to.connect());
      await to.fetchOffline();
      assert.deepEqual(await framesUpTo(to, from), []);
      await to.end();
    },
  ],
  [
    'a group message goes to everyone online but its sender',
    async () => {
      const [from, ...others] = [await online(), await online(), await online(), await online()];
      assert.equal((await from.toGroup('to all')).code, '9000');
      for (const to of others) assert.deepEqual(fields(await to.channel.next()), live(from, to, 'to all'));
      // The group's next message comes after it: for its sender it is the first.
      const [answerer] = others;
      assert.ok(answerer);
      await answerer.toGroup('answer');
      assert.deepEqual(fields(await from.channel.next()), live(answerer, from, 'answer'));
      await Promise.all([from, ...others].map((client) => client.end()));
    },
  ],
  [
    'a group message of a batch is one frame',
    async () => {
      const [from, to] = [await somebody(), await online()];
      const body = { userId: from.userId, msg: null, batchMsg: ['1', '2'] };
      assert.equal((await post('/groupRoute', body)).code, '9000');
      assert.deepEqual(fields(await to.channel.next()), { ...stored(from, to, ['1', '2']), cmd: 1 });
      await to.end();
    },
  ],
  [
    'the group has no backlog: it begins with the login',
    async () => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toGroup('before the login');
      connections.push(await to.connect());
      await from.toGroup('after the login');
      assert.deepEqual(fields(await to.channel.next()), live(from, to, 'after the login'));
      await to.fetchOffline();
      assert.deepEqual(await framesUpTo(to, from), []);
      await to.end();
    },
  ],
  [
    'a client that does not read keeps nothing from the others',
    async () => {
      const [from, slow, to] = [await somebody(), await online(), await online()];
      slow.channel.pause();
      const text = 'x'.repeat(8_000);
      for (let i = 0; i < 200; i++) {
        await from.toGroup(text);
        assert.equal((await to.channel.next()).text, text);
      }
      await Promise.all([slow.end(), to.end()]);
    },
  ],
];

const wrongInCim: readonly Case[] = [
  [
    'the name cim-route:1 is refused in words, and groups and logins work',
    async () => {
      const { code, message } = await post('/registerAccount', { userName: 'cim-route:1' });
      assert.equal(code, '3000');
      assert.match(message, /userName/);
      const [from, to] = [await somebody(), await online()];
      assert.equal((await from.toGroup('x')).code, '9000');
      assert.equal((await to.channel.next()).text, 'x');
      await to.end();
    },
  ],
  ...['login-status', '__proto__', 'constructor', 'toString', 'lobby'].map(
    (name): Case => [
      `the name ${name} is a name like others`,
      async () => {
        const [odd, friend] = [await online(name), await online()];
        assert.equal((await odd.toUser(friend.userId, 'private')).code, '9000');
        assert.deepEqual(fields(await friend.channel.next()), live(odd, friend, 'private'));
        assert.equal((await odd.toGroup('group')).code, '9000');
        assert.deepEqual(fields(await friend.channel.next()), live(odd, friend, 'group'));
        assert.equal((await friend.toUser(odd.userId, 'back')).code, '9000');
        assert.deepEqual(fields(await odd.channel.next()), live(friend, odd, 'back'));
        await Promise.all([odd.end(), friend.end()]);
      },
    ],
  ),
  [
    'nobody acts for an account with a password, and /sendMsg needs the cluster secret',
    async () => {
      const friend = await somebody();
      const { dataBody } = await post('/registerAccount', { userName: 'guarded', password: 'password' });
      const { userId } = dataBody as { userId: number };
      const rows: [string, object][] = [
        ['/registerAccount', { userName: 'guarded' }],
        ['/login', { userId, userName: 'guarded' }],
        ['/p2pRoute', { userId, receiveUserId: friend.userId, msg: 'x' }],
        ['/groupRoute', { userId, msg: 'x' }],
        ['/offLine', { userId, msg: 'x' }],
        ['/fetchOfflineMsgs', { receiveUserId: userId }],
      ];
      for (const [path, body] of rows) assert.equal((await post(path, body)).code, '9100', path);

      const to = await online();
      const sendMsg = await fetch(`http://127.0.0.1:${server.httpPort}/sendMsg`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ userId: to.userId, msg: 'forged' }),
      });
      assert.doesNotMatch(await sendMsg.text(), /9000/);
      assert.deepEqual(await framesUpTo(to, friend), []);
      await to.end();
    },
  ],
  [
    'overload is 6000 with HTTP 503 and a time to wait, never a success that was none',
    async () => {
      const answers = await Promise.all(
        Array.from({ length: 600 }, () => post('/login', { userId: 999_999_999, userName: 'x' })),
      );
      const codes = new Set(answers.map(({ code, status }) => `${code} ${status}`));
      assert.deepEqual([...codes].sort(), ['6000 503', '9100 200']);
    },
  ],
];

/** Rows that wait for a clock of the server. */
const clocks: readonly Case[] = [
  [
    'a channel without a login is closed after 5 s, one with half a frame and one that drips too',
    async () => {
      const [silent, half, drip] = [await stranger(), await stranger(), await stranger()];
      half.send(cimFrame({ id: 1, text: 'x' }).subarray(0, 3));
      drip.send(cimVarint(100));
      const dripping = setInterval(() => drip.send(Buffer.from([10])), 500);
      try {
        const times = await Promise.all([silent, half, drip].map((c) => closedWithin(c, 9_000)));
        for (const time of times) assert.ok(time > 3_500, `after ${time} ms`);
      } finally {
        clearInterval(dripping);
      }
    },
  ],
  [
    'a session that says nothing for 30 s is closed and its user free; one that pings lives',
    async () => {
      const [silent, pinging] = [await online(), await online()];
      const pings = setInterval(() => void pinging.channel.ping().catch(() => undefined), 10_000);
      try {
        const time = await closedWithin(silent.channel, 40_000);
        assert.ok(time > 28_000, `after ${time} ms`);
        assert.equal((await pinging.channel.ping()).text, 'pong');
        await until('the login is taken again', async () => (await silent.logIn()).code === '9000', 3_000);
      } finally {
        clearInterval(pings);
      }
    },
  ],
  [
    'a client that never asks gets what was stored after 6 s, before what is live',
    async () => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toUser(to.userId, 'stored');
      const begun = performance.now();
      connections.push(await to.connect());
      await from.toUser(to.userId, 'live');
      const mine = ({ properties }: CimFrame) => properties.sendUserId === String(from.userId);
      const first = await to.channel.next('what was stored', mine, 9_000);
      assert.deepEqual(fields(first), stored(from, to, ['stored']));
      assert.ok(first.at - begun > 5_500, `after ${first.at - begun} ms`);
      assert.deepEqual(fields(await to.channel.next('what is live', mine)), live(from, to, 'live'));
      await to.end();
    },
  ],
];

const table: Readonly<Record<string, readonly Case[]>> = {
  ...(wire === 'tcp' && { 'over HTTP': http }),
  [`over ${wire}`]: tcp,
  'who sends and receives': messages,
  ...(wire === 'tcp' && { 'where CIM is wrong': wrongInCim }),
};

// These rows run while the others do, one after the other, since a row may count users online.
describe(`an unmodified CIM client over ${wire}`, { concurrency: true }, () => {
  describe('row by row', { concurrency: false }, () => {
    for (const [about, cases] of Object.entries(table))
      for (const [name, run] of cases) test(`${about}: ${name}`, run);
  });
  // Timers do not depend on the wire. A silent WebSocket answers the pings of the im-server by itself, and
  // stays.
  if (wire === 'tcp')
    describe('that waits', { concurrency: true }, () => {
      for (const [name, run] of clocks) test(name, run);
    });
});

test('after all of this the server lives, complained of nothing, and no text is in its log', async () => {
  const client = await online();
  assert.equal((await client.channel.ping()).text, 'pong');
  await client.end();
  for (const connection of connections) await connection.end();
  assert.doesNotMatch(server.log, /"level":(50|60)|"level":"(error|fatal)"/);
  assert.doesNotMatch(server.log + server.output, new RegExp(SECRET));
});
