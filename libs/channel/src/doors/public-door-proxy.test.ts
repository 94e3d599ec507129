/** The public door behind proxies: whose statement about a client's address counts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import { WebSocket } from 'ws';
import { frameOf, Told } from '../../test/connection.ts';
import { Channel, PublicDoor, TimingWheel, TurnFlusher } from '../index.ts';

/** Connections from this address come from a trusted proxy. */
const PROXY = '127.0.0.2';
const STRANGER = '127.0.0.3';
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const headerOf = (address: string): Buffer => {
  const client = address.split('.').map(Number);
  return Buffer.concat([
    Buffer.from(`${SIGNATURE}2111000c`, 'hex'),
    Buffer.from([...client, 10, 0, 0, 1, 0x12, 0x34, 0, 80]),
  ]);
};

let wheel: TimingWheel;
let door: PublicDoor;
let port: number;
let remotes: string[];
let told: Told[];
let refused: string[];
let clients: (Socket | WebSocket)[];

beforeEach(async () => {
  [remotes, told, refused, clients] = [[], [], [], []];
  wheel = new TimingWheel({ tickMs: 5 });
  wheel.start();
  door = new PublicDoor({
    wheel,
    handshakeMs: 150,
    supplies: { supply: 'enough' },
    allowedOrigins: [],
    hostProblem: () => undefined,
    limits: { connections: 8, strangers: 6, strangersOfAddress: 2 },
    address: { connections: Infinity, suspendedMs: () => 0, arrive: () => 0, groupOf: (ip) => ip },
    onRefused: (limit, _ip, why) => refused.push(why === undefined ? limit : `${limit}: ${why}`),
    isTrustedProxy: (address) => address === PROXY,
    onStream: (stream, visit) => {
      const events = new Told(() => visit.end());
      const channel = new Channel(stream, { limit: 1_000, flusher: new TurnFlusher(), events });
      told.push(events);
      remotes.push(channel.remote);
    },
  });
  door.server.listen(0, '127.0.0.1');
  await once(door.server, 'listening');
  port = (door.server.address() as AddressInfo).port;
});
afterEach(() => {
  for (const client of clients)
    if ('terminate' in client) client.terminate();
    else client.destroy();
  door.closeArrivals();
  door.server.close();
  wheel.stop();
});

async function tcpFrom(localAddress: string, ...chunks: Buffer[]): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
  clients.push(socket);
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  for (const chunk of chunks) {
    socket.write(chunk);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return socket;
}

const closed = (socket: Socket): Promise<void> => until('it is closed', () => socket.closed);

function webSocketFrom(localAddress: string, headers: Record<string, string>, first?: Buffer): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${port}/cim`, 'cim.v2', {
    headers,
    createConnection: () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      if (first !== undefined) socket.write(first);
      return socket;
    },
  });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

const taken = (count: number): Promise<void> =>
  until(`${count} are taken over`, () => told.filter(({ frames }) => frames.length > 0).length === count);

describe('the PROXY header of a trusted proxy', () => {
  test('names the client of a TCP connection, wherever it is cut', async () => {
    const whole = Buffer.concat([headerOf('192.0.2.1'), frameOf('hello')]);
    for (const cut of [1, 12, 16, 27, 28, 30])
      await tcpFrom(PROXY, whole.subarray(0, cut), whole.subarray(cut))
        .then((socket) => {
          // Ends this connection first: the next one has the same address.
          return until('it is taken over', () => remotes.length > 0).then(() => socket.destroy());
        })
        .then(() => until('it is gone', () => door.visits.connections === 0));
    assert.deepEqual(new Set(remotes), new Set(['192.0.2.1:4660']));
    assert.ok(told.every(({ frames }) => frames.join() === 'hello'));
  });

  test('names the client of a WebSocket, and goes before X-Forwarded-For of a stranger', async () => {
    const client = webSocketFrom(PROXY, { 'x-forwarded-for': '198.51.100.7' }, headerOf('192.0.2.1'));
    await once(client, 'open');
    client.send(frameOf('hello'));
    await taken(1);
    assert.deepEqual(remotes, ['192.0.2.1:4660']);
  });

  test('of a health check leaves the connection that of the proxy', async () => {
    await tcpFrom(PROXY, Buffer.from(`${SIGNATURE}20000000`, 'hex'), frameOf('hello'));
    await taken(1);
    assert.match(remotes[0] ?? '', /^127\.0\.0\.2:/);
  });

  test('counts strangers at their own address, and not at that of the proxy', async () => {
    for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2'])
      await tcpFrom(PROXY, headerOf(address), frameOf('hello'));
    await taken(3);
    const third = await tcpFrom(PROXY, headerOf('192.0.2.1'), frameOf('hello'));
    await closed(third);
    assert.deepEqual(refused, ['strangers-of-address']);
    await until('it is not counted', () => door.visits.connections === 3);
  });

  test('that nobody can read, or of version 1, closes the connection, and says why', async () => {
    for (const header of [
      Buffer.from(`${SIGNATURE}2111ffff`, 'hex'),
      Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n'),
    ]) {
      const client = await tcpFrom(PROXY, header);
      await closed(client);
    }
    assert.deepEqual(refused, [
      'proxy-header: longer than 2064 bytes',
      'proxy-header: version 1: send version 2',
    ]);
    await until('none is counted', () => door.visits.connections === 0);
  });

  test('that never ends is cut off in time, and so is a connection that only has one', async () => {
    for (const first of [headerOf('192.0.2.1').subarray(0, 20), headerOf('192.0.2.1')]) {
      const client = await tcpFrom(PROXY, first);
      await closed(client);
    }
    assert.equal(told.length, 0);
    await until('none is counted', () => door.visits.connections === 0);
  });

  test('need not be there: a frame or a WebSocket without it is that of the proxy', async () => {
    await tcpFrom(PROXY, frameOf('hello'));
    const client = webSocketFrom(PROXY, {});
    await once(client, 'open');
    client.send(frameOf('hello'));
    await taken(2);
    for (const remote of remotes) assert.match(remote, /^127\.0\.0\.2:/);
  });
});

describe('X-Forwarded-For', () => {
  test('of a trusted proxy names the client', async () => {
    const client = webSocketFrom(PROXY, { 'x-forwarded-for': '198.51.100.7, 192.0.2.1' });
    await once(client, 'open');
    client.send(frameOf('hello'));
    await taken(1);
    assert.deepEqual(remotes, ['192.0.2.1:0']);
  });

  test('counts strangers at their own address', async () => {
    for (let i = 0; i < 2; i++) await once(webSocketFrom(PROXY, { 'x-forwarded-for': '192.0.2.1' }), 'open');
    const third = webSocketFrom(PROXY, { 'x-forwarded-for': '192.0.2.1' });
    await until('it is refused', () => third.readyState === WebSocket.CLOSED);
    assert.deepEqual(refused, ['strangers-of-address']);
    await once(webSocketFrom(PROXY, { 'x-forwarded-for': '192.0.2.2' }), 'open');
  });
});

test('a stranger who writes a PROXY header or X-Forwarded-For stays who it is', async () => {
  const client = webSocketFrom(STRANGER, { 'x-forwarded-for': '192.0.2.1' });
  await once(client, 'open');
  client.send(frameOf('hello'));
  await taken(1);
  assert.match(remotes[0] ?? '', /^127\.0\.0\.3:/);
  // The door takes these bytes for frames, and invalid ones.
  await tcpFrom(STRANGER, headerOf('192.0.2.1'), frameOf('hello'));
  await until('it is taken over', () => remotes.length === 2);
  assert.match(remotes[1] ?? '', /^127\.0\.0\.3:/);
  assert.notEqual(told[1]?.frames[0], 'hello');
});
