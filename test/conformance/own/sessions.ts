/** Logins, logouts, heartbeats, frames and errors on our own wire. */
import assert from 'node:assert/strict';
import { bytesField, cimDelimited, cimVarint } from '@cim/testkit/raw';
import type { RuleIn } from '../rule.ts';
import { closedAfter, closedWithin } from '../waiting.ts';
import { ownFrame } from './frames.ts';
import { type OwnWorld, REASON } from './own-world.ts';

const where = 'protocol.md#log-in';
const stay = 'protocol.md#stay-connected';
/** Below the 5 s after which a channel without a login is closed in any case [ms]. */
const AT_ONCE_MS = 3_500;

export const OWN_SESSION_RULES: readonly RuleIn<OwnWorld>[] = [
  {
    name: 'own/login/answer-fields',
    says: '`/login` with `"wire": 2` answers `ip`, `cimServerPort`, `httpPort`, `ticket`, `session` and `epoch`.',
    where,
    check: async ({ user, logIn }) => {
      const login = await logIn(await user());
      const known = { ip: 'string', cimServerPort: 'number', httpPort: 'number', ticket: 'string' };
      const expected = { ...known, session: 'string', epoch: 'number' };
      const came = Object.entries<unknown>({ ...login }).map(([key, value]) => [key, typeof value]);
      assert.deepEqual(Object.fromEntries(came.filter(([key = '']) => key in expected)), expected);
    },
  },
  {
    name: 'own/login/welcome',
    says: '`login` with the ticket is answered by `welcome` with the id of the user, the epoch of `/login` and the idle timeout.',
    where,
    check: async ({ user, logIn, open }) => {
      const { userId, userName } = await user();
      const login = await logIn({ userId, userName });
      const connection = await open(login);
      connection.say('login', { userId, ticket: login.ticket });
      const { body, fields } = await connection.next('welcome');
      assert.deepEqual([body, fields['userId'], fields['epoch']], ['welcome', userId, login.epoch]);
      assert.equal(typeof fields['idleTimeoutMs'], 'number', 'idleTimeoutMs of welcome');
    },
  },
  {
    name: 'own/login/ticket-opens-one-channel',
    says: 'A ticket opens one channel: used again, or wrong, it is answered by `goaway` with 103, and the session goes on.',
    where,
    check: async ({ user, logIn, connect, open }) => {
      const person = await user();
      const login = await logIn(person);
      const first = await connect(person, login);
      for (const ticket of [login.ticket, 'x', '']) {
        const second = await open(login);
        second.say('login', { userId: person.userId, ticket });
        assert.equal(await second.closeReason(), REASON.unauthorized, `the ticket "${ticket}"`);
      }
      assert.deepEqual(await first.before(), [], 'the first channel goes on');
    },
  },
  {
    name: 'own/login/second-login-5000',
    says: 'A login of a user who is logged in is 5000, unless it shows the secret of the session.',
    where,
    check: async ({ user, logIn, connect, ask }) => {
      const person = await user();
      await connect(person, await logIn(person));
      assert.equal((await ask('/login', { ...person, wire: 2 })).code, '5000');
    },
  },
  {
    name: 'own/login/session-replaces',
    says: '`/login` with `session` answers a higher epoch; its claim closes the channel before it with 104.',
    where,
    check: async ({ user, logIn, connect }) => {
      const person = await user();
      const login = await logIn(person);
      const first = await connect(person, login);
      const later = await logIn(person, { session: login.session });
      assert.ok(later.epoch > login.epoch, `an epoch above ${login.epoch} is expected, came ${later.epoch}`);
      assert.deepEqual(await first.before(), [], 'before the claim the first channel goes on');
      const second = await connect(person, later);
      assert.equal(await first.closeReason(), REASON.superseded);
      assert.deepEqual(await second.before(), []);
    },
  },
  {
    name: 'own/login/frames-before-welcome',
    says: 'A client may send 16 more frames without waiting for `welcome`; with more the channel is closed with 106.',
    where,
    check: async ({ user, logIn, open }) => {
      const person = await user();
      const { userId } = person;
      const login = await logIn(person);
      const connection = await open(login);
      connection.say('login', { userId, ticket: login.ticket });
      for (let i = 0; i < 16; i++) connection.say('ping');
      await connection.hears('welcome');
      for (let i = 0; i < 16; i++) await connection.hears('pong');

      const other = await user();
      const second = await logIn(other);
      const hasty = await open(second);
      // All at once, so that the server reads the pings before it has asked its store about the login.
      const pings = Array.from({ length: 40 }, () => ownFrame('ping'));
      hasty.send(
        Buffer.concat([ownFrame('login', { userId: other.userId, ticket: second.ticket }), ...pings]),
      );
      assert.equal(await hasty.closeReason(), REASON.protocolError);
      assert.deepEqual(hasty.unread, [], 'no ping is answered');
    },
  },
  {
    name: 'own/logout/offline-105',
    says: "`/offLine` with the secret closes the channel with 105, and the secret opens nothing any more: `/v1` answers 401 to it, and CIM's paths 9100 for an account with a password.",
    where: 'http.md#cims-paths',
    check: async ({ user, logIn, connect, ask }) => {
      const password = 'correct horse battery';
      const person = await user(password);
      const login = await logIn(person, { password });
      const connection = await connect(person, login);
      const { userId } = person;
      assert.equal((await ask('/offLine', { userId, msg: 'x' }, login.session)).code, '9000', '/offLine');
      assert.equal(await connection.closeReason(), REASON.loggedOut);
      const { code } = await ask('/fetchOfflineMsgs', { receiveUserId: userId }, login.session);
      assert.equal(code, '9100', 'the secret after the logout');
      const { status } = await ask('/v1/groups', { name: 'x', join: 'open' }, login.session);
      assert.equal(status, 401, 'the secret after the logout under /v1');
    },
  },
  {
    name: 'own/heartbeat/ping-pong',
    says: '`ping` is answered by `pong`.',
    where: stay,
    check: async ({ online }) => {
      const { connection } = await online();
      connection.say('ping');
      assert.deepEqual(await connection.next('pong'), { body: 'pong', fields: {} });
    },
  },
  {
    name: 'own/heartbeat/silent-closed',
    says: 'A channel without a byte for `idleTimeoutMs` of `welcome` is closed; one that pings lives.',
    where: stay,
    slow: true,
    check: async ({ user, logIn, open, online }) => {
      const { userId, userName } = await user();
      const login = await logIn({ userId, userName });
      const silent = await open(login);
      const begun = performance.now();
      silent.say('login', { userId, ticket: login.ticket });
      const idleTimeoutMs = Number((await silent.hears('welcome'))['idleTimeoutMs']);
      const { connection } = await online();
      const pings = setInterval(() => connection.say('ping'), idleTimeoutMs / 3);
      try {
        const after = await closedAfter(silent, begun, idleTimeoutMs + 15_000);
        assert.ok(
          after > idleTimeoutMs * 0.9,
          `${idleTimeoutMs} ms are expected, it was closed after ${after} ms`,
        );
        connection.say('ping');
        await connection.hears('pong');
      } finally {
        clearInterval(pings);
      }
    },
  },
  {
    name: 'own/frames/no-frame-closes',
    says: 'Bytes that are no frame, and a frame above 4 KiB before the login or above 64 KiB after it, close the channel at once.',
    where: stay,
    check: async ({ user, logIn, open, online }) => {
      const login = await logIn(await user());
      const rows: [string, Buffer][] = [
        ['a length without an end', Buffer.alloc(11, 0xff)],
        ['over 4 KiB before the login', cimVarint(4 * 1024 + 1)],
        ['not protobuf', cimDelimited(Buffer.alloc(64, 0xff))],
      ];
      for (const [about, bytes] of rows) {
        const connection = await open(login);
        connection.send(bytes);
        await closedWithin(connection, AT_ONCE_MS, about);
        const unread = connection.unread.filter(({ body }) => body !== 'goaway');
        assert.deepEqual(unread, [], about);
      }
      const { connection } = await online();
      connection.send(cimVarint(64 * 1024 + 1));
      await closedWithin(connection, AT_ONCE_MS, 'over 64 KiB after the login');
    },
  },
  {
    name: 'own/errors/bodies-of-servers-106',
    says: 'A body that only servers send, and a second `login`, close the channel with 106.',
    where: stay,
    check: async ({ online }) => {
      for (const body of ['welcome', 'receipt', 'deliver', 'resumed', 'goaway', 'found', 'login'] as const) {
        const { connection } = await online();
        connection.say(body);
        assert.equal(await connection.closeReason(), REASON.protocolError, body);
      }
    },
  },
  {
    name: 'own/errors/unknown-bodies-ignored',
    says: 'A frame whose body the server does not know, and fields that it does not know, are ignored.',
    where: 'protocol.md#our-wire',
    check: async ({ online, user }) => {
      const { connection } = await online();
      connection.send(cimDelimited(bytesField(500, Buffer.from('later'))));
      connection.send(cimDelimited(bytesField(25, bytesField(99, Buffer.from('later')))));
      const { body } = await connection.next('pong');
      assert.equal(body, 'pong');
      await connection.stores({ to: (await user()).userId }, 'x');
    },
  },
];
