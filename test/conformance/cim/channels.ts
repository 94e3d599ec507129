/** Logins, heartbeats and frames of CIM's wire. */
import assert from 'node:assert/strict';
import { cimDelimited, cimFrame, cimVarint } from '@cim/testkit/raw';
import type { RuleIn } from '../rule.ts';
import { type CimWorld, framesUpTo } from './cim-world.ts';
import { closedAfter, closedWithin, eventually } from '../waiting.ts';

const where = 'protocol.md#cims-wire';
/** Below the 5 s after which a channel without a login is closed in any case [ms]. */
const AT_ONCE_MS = 3_500;

export const CIM_CHANNEL_RULES: readonly RuleIn<CimWorld>[] = [
  {
    name: 'cim/login/tcp-login-unanswered',
    says: 'The TCP login of a user who has logged in over HTTP is answered with nothing.',
    where,
    check: async ({ online }) => {
      const client = await online();
      assert.deepEqual(client.channel.unread, []);
    },
  },
  {
    name: 'cim/login/tcp-login-needs-http-login',
    says: 'A TCP login without a login over HTTP, or under another name, is closed without a frame, and the session that it names goes on.',
    where,
    check: async ({ somebody, online, stranger }) => {
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
        await closedWithin(connection, AT_ONCE_MS, `a login of ${userId} as "${userName}"`);
        assert.deepEqual(connection.unread, []);
      }
      assert.equal((await friend.channel.ping()).text, 'pong');
    },
  },
  {
    name: 'cim/login/tcp-login-within-5s',
    says: 'A channel without a login is closed after 5 s, one with half a frame and one that sends a byte now and then too.',
    where,
    slow: true,
    check: async ({ stranger }) => {
      const begun = performance.now();
      const [silent, half, drip] = [await stranger(), await stranger(), await stranger()];
      half.send(cimFrame({ id: 1, text: 'x' }).subarray(0, 3));
      drip.send(cimVarint(100));
      const dripping = setInterval(() => drip.send(Buffer.from([10])), 500);
      try {
        const times = await Promise.all([silent, half, drip].map((c) => closedAfter(c, begun, 12_000)));
        for (const time of times) assert.ok(time > 3_500, `5 s are expected, it was closed after ${time} ms`);
      } finally {
        clearInterval(dripping);
      }
    },
  },
  {
    name: 'cim/logout/offline-closes-and-frees',
    says: '`/offLine` closes the channel and frees the user for another login.',
    where: 'http.md#cims-paths',
    check: async ({ online, connect }) => {
      const client = await online();
      const first = client.channel;
      assert.equal((await client.logOut()).code, '9000', '/offLine');
      await closedWithin(first, AT_ONCE_MS);
      await connect(client);
    },
  },
  {
    name: 'cim/logout/broken-channel-frees',
    says: 'A channel that ends without a word frees its user for another login.',
    where,
    check: async ({ online }) => {
      const client = await online();
      await client.channel.end();
      await eventually('the login is taken again', async () => (await client.logIn()).code === '9000');
      await client.logOut();
    },
  },
  {
    name: 'cim/logout/old-channel-changes-nothing',
    says: 'The end of an old channel changes nothing of a newer login.',
    where,
    check: async ({ somebody, online, connect }) => {
      const [client, friend] = [await online(), await somebody()];
      for (let i = 0; i < 5; i++) {
        const old = client.channel;
        await client.logOut();
        await connect(client);
        await closedWithin(old, AT_ONCE_MS);
      }
      assert.equal((await client.logIn()).code, '5000', 'the newest session is there');
      assert.deepEqual(await framesUpTo(client, friend), []);
    },
  },
  {
    name: 'cim/heartbeat/pong-bytes',
    says: 'A ping is answered with the pong of CIM to the byte: `08 0a 04 70 6f 6e 67 18 02`.',
    where,
    check: async ({ online }) => {
      const { channel } = await online();
      assert.equal((await channel.ping()).bytes.toString('hex'), '0a04706f6e671802');
    },
  },
  {
    name: 'cim/heartbeat/silent-30s-closed',
    says: 'A session that says nothing for 30 s is closed and its user free; one that pings lives.',
    where,
    slow: true,
    check: async ({ online }) => {
      const begun = performance.now();
      const [silent, pinging] = [await online(), await online()];
      const pings = setInterval(() => void pinging.channel.ping().catch(() => undefined), 10_000);
      try {
        const time = await closedAfter(silent.channel, begun, 45_000);
        assert.ok(time > 28_000, `30 s are expected, it was closed after ${time} ms`);
        assert.equal((await pinging.channel.ping()).text, 'pong');
        await eventually('the login is taken again', async () => (await silent.logIn()).code === '9000');
      } finally {
        clearInterval(pings);
      }
    },
  },
  {
    name: 'cim/frames/no-frame-closes',
    says: 'Bytes that are no frame, a frame above 4 KiB before the login or above 64 KiB after it, and a frame that may not come first close the channel at once, without a frame.',
    where: 'protocol.md#the-protocol',
    check: async ({ online, stranger }) => {
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
      for (const [about, bytes] of rows) {
        const connection = await stranger();
        connection.send(bytes);
        await closedWithin(connection, AT_ONCE_MS, about);
        assert.deepEqual(connection.unread, [], about);
      }
      const client = await online();
      client.channel.send(cimVarint(64 * 1024 + 1));
      await closedWithin(client.channel, AT_ONCE_MS, 'over 64 KiB after the login');
    },
  },
  {
    name: 'cim/frames/meaningless-frames-ignored',
    says: 'After the login a second login, a message, an unknown command and an empty frame from a client change nothing.',
    where,
    check: async ({ online, somebody }) => {
      const [client, friend] = [await online(), await somebody()];
      client.channel.logIn(friend.userId, friend.userName);
      client.channel.send(cimFrame({ cmd: 1, id: friend.userId, text: 'x' }));
      const properties = { ['__proto__']: 'x', receiveUserId: '' };
      client.channel.send(cimFrame({ cmd: 77, batch: ['x'], properties }));
      client.channel.send(cimDelimited(Buffer.alloc(0)));
      assert.equal((await client.channel.ping()).text, 'pong');
      assert.deepEqual(await framesUpTo(client, friend), []);
    },
  },
];
