/** What WebSockets add to our wire. */
import assert from 'node:assert/strict';
import { ownFrame } from '../own/frames.ts';
import { textsOf } from '../own/own-world.ts';
import { type Rule, type RuleIn, rulesIn } from '../rule.ts';
import { OPCODE } from './web-socket.ts';
import { closeCodeOf, WsWorld } from './ws-world.ts';

const where = 'protocol.md#websocket';
/** Bytes of a message at most. */
const LONGEST = 64 * 1024;

const rules: readonly RuleIn<WsWorld>[] = [
  {
    name: 'ws/handshake/subprotocol',
    says: 'A handshake at `/cim` with the subprotocol `cim.v2` is answered by 101 with that subprotocol and the right `Sec-WebSocket-Accept`.',
    where,
    check: async ({ user, logIn, handshake }) => {
      const { answer } = await handshake(await logIn(await user()));
      const { status, headers, accept } = answer;
      assert.deepEqual(
        [status, headers.get('sec-websocket-protocol'), headers.get('sec-websocket-accept')],
        [101, 'cim.v2', accept],
      );
    },
  },
  {
    name: 'ws/handshake/no-compression',
    says: 'An extension that the client offers, such as compression, is not taken.',
    where,
    check: async ({ user, logIn, handshake }) => {
      const { answer } = await handshake(await logIn(await user()), { extensions: 'permessage-deflate' });
      const { status, headers } = answer;
      assert.deepEqual([status, headers.get('sec-websocket-extensions')], [101, undefined]);
    },
  },
  {
    name: 'ws/handshake/other-path-404',
    says: 'A handshake at another path is answered by HTTP 404.',
    where,
    check: async ({ user, logIn, handshake }) => {
      const login = await logIn(await user());
      for (const path of ['/', '/cim/x', '/chat'])
        assert.equal((await handshake(login, { path })).answer.status, 404, path);
    },
  },
  {
    name: 'ws/origin/other-pages-403',
    says: 'A page of another host is answered by HTTP 403.',
    where,
    check: async ({ user, logIn, handshake }) => {
      const login = await logIn(await user());
      for (const origin of ['https://evil.example', 'null', `http://${login.ip}.evil.example`])
        assert.equal((await handshake(login, { origin })).answer.status, 403, origin);
    },
  },
  {
    name: 'ws/origin/same-host-may',
    says: 'A page of the same host name may connect whatever its port is, and a program without an origin.',
    where,
    check: async ({ user, logIn, handshake }) => {
      const login = await logIn(await user());
      for (const origin of [`http://${login.ip}`, `http://${login.ip}:9999`, undefined]) {
        const { answer } = await handshake(login, origin === undefined ? {} : { origin });
        assert.equal(answer.status, 101, origin ?? 'no origin');
      }
    },
  },
  {
    name: 'ws/messages/same-frames-as-tcp',
    says: 'Binary messages carry the frames of TCP: a login, a send, its receipt and its delivery to a client on TCP and back.',
    where,
    check: async ({ onSocket, online }) => {
      const [ann, ben] = [await onSocket(), await online()];
      await ann.connection.stores({ to: ben.user.userId }, 'from a WebSocket');
      assert.deepEqual(textsOf(await ben.connection.entries(1)), ['from a WebSocket']);
      await ben.connection.stores({ to: ann.user.userId }, 'to a WebSocket');
      assert.deepEqual(textsOf(await ann.connection.entries(1)), ['to a WebSocket']);
    },
  },
  {
    name: 'ws/messages/boundaries-mean-nothing',
    says: 'A frame may be cut over several messages and over fragments of one, and a message may hold several frames.',
    where,
    check: async ({ onSocket }) => {
      const { socket, connection } = await onSocket();
      const ping = ownFrame('ping');
      for (const byte of ping) socket.send(OPCODE.binary, Buffer.from([byte]));
      await connection.hears('pong');
      socket.send(OPCODE.binary, ping.subarray(0, 2), { isLast: false });
      socket.send(OPCODE.ping, Buffer.from('between'));
      socket.send(OPCODE.more, ping.subarray(2));
      await connection.hears('pong');
      socket.send(OPCODE.binary, Buffer.concat([ping, ping, ping.subarray(0, 1)]));
      socket.send(OPCODE.binary, ping.subarray(1));
      for (let i = 0; i < 3; i++) await connection.hears('pong');
    },
  },
  {
    name: 'ws/messages/text-1003',
    says: 'A text message is refused with the close code 1003.',
    where,
    check: async ({ onSocket }) => {
      const { socket } = await onSocket();
      socket.send(OPCODE.text, Buffer.from('hello'));
      assert.equal(await closeCodeOf(socket, 'a text message'), 1003);
    },
  },
  {
    name: 'ws/messages/too-long-1009',
    says: 'A message above 64 KiB is refused with the close code 1009.',
    where,
    check: async ({ onSocket }) => {
      const { socket } = await onSocket();
      socket.send(OPCODE.binary, Buffer.alloc(LONGEST + 1));
      assert.equal(await closeCodeOf(socket, 'a message of 64 KiB and a byte'), 1009);
    },
  },
  {
    name: 'ws/messages/unmasked-1002',
    says: 'A frame of a client without a mask ends the WebSocket with 1002, as RFC 6455 wants.',
    where,
    check: async ({ onSocket }) => {
      const { socket } = await onSocket();
      socket.send(OPCODE.binary, ownFrame('ping'), { isMasked: false });
      assert.equal(await closeCodeOf(socket, 'a frame without a mask'), 1002);
    },
  },
  {
    name: 'ws/close/4000-plus-reason',
    says: 'The close code is 4000 plus the number of the close reason, which is in the last frame, `goaway`, too.',
    where,
    check: async ({ opened, onSocket }) => {
      const { user, socket, connection } = await opened();
      connection.say('login', { userId: user.userId, ticket: 'x' });
      const { reason } = await connection.hears('goaway');
      assert.deepEqual([reason, await closeCodeOf(socket, 'a wrong ticket')], [103, 4103]);
      const other = await onSocket();
      other.connection.say('welcome');
      const { reason: second } = await other.connection.hears('goaway');
      assert.deepEqual([second, await closeCodeOf(other.socket, 'a body of servers')], [106, 4106]);
    },
  },
  {
    name: 'ws/close/without-login-4100',
    says: 'A WebSocket without a login is closed with 4100 after 5 s.',
    where,
    slow: true,
    check: async ({ opened }) => {
      const { socket } = await opened();
      assert.equal(await closeCodeOf(socket, 'no login', 15_000), 4100);
    },
  },
  {
    name: 'ws/pings/answered',
    says: 'A WebSocket ping of the client is answered by a pong with the same bytes.',
    where,
    check: async ({ onSocket }) => {
      const { socket, connection } = await onSocket();
      socket.send(OPCODE.ping, Buffer.from('are you there?'));
      // What the server answers to this comes after the pong.
      await connection.before();
      const pongs = socket.control.filter(({ opcode }) => opcode === OPCODE.pong);
      assert.deepEqual(
        pongs.map(({ bytes }) => bytes.toString()),
        ['are you there?'],
      );
    },
  },
  {
    name: 'ws/pings/server-pings-silent',
    says: 'The server pings after half of the idle timeout of silence, and a pong counts as a sign of life.',
    where,
    slow: true,
    check: async ({ opened }) => {
      const { user, login, socket, connection } = await opened();
      connection.say('login', { userId: user.userId, ticket: login.ticket });
      const idleMs = Number((await connection.hears('welcome'))['idleTimeoutMs']);
      const answering = setInterval(() => {
        for (const ping of socket.control.splice(0))
          if (ping.opcode === OPCODE.ping) {
            pings++;
            socket.send(OPCODE.pong, ping.bytes);
          }
      }, 50);
      let pings = 0;
      try {
        await Promise.race([socket.closed, new Promise((resolve) => setTimeout(resolve, idleMs * 1.1))]);
        assert.ok(pings > 0, 'a ping of the server is expected, none came');
        connection.say('ping');
        await connection.hears('pong');
      } finally {
        clearInterval(answering);
      }
    },
  },
];

export const wsRules: readonly Rule[] = rulesIn((target) => new WsWorld(target), rules);
