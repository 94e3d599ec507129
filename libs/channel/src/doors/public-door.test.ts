import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { until } from '@cim/testkit';
import { WebSocket } from 'ws';
import { closed, frameOf, Told } from '../../test/connection.ts';
import { Channel, Heartbeat, PublicDoor, TimingWheel, TurnFlusher, type Visit } from '../index.ts';

/** Undefined for plain connections. `public-door-tls.test.ts` runs all of these tests over TLS too. */
const secured = process.env['CIM_TEST_TLS'] === 'true' ? await import('../../test/secured.ts') : undefined;
const HANDSHAKE_MS = secured === undefined ? 150 : 1_000;

let wheel: TimingWheel;
let door: PublicDoor;
let taken: { channel: Channel; told: Told; visit: Visit }[];
let refused: string[];
let port: number;
let idleTimeoutMs: number;
const flusher = new TurnFlusher();

beforeEach(async () => {
  taken = [];
  refused = [];
  idleTimeoutMs = 60_000;
  wheel = new TimingWheel({ tickMs: 5 });
  wheel.start();
  door = new PublicDoor({
    wheel,
    handshakeMs: HANDSHAKE_MS,
    supplies: { supply: 'enough' },
    allowedOrigins: ['https://listed.example'],
    hostProblem: (host) => (host?.startsWith('rebound.example') === true ? 'unknown name' : undefined),
    limits: { connections: 8, strangers: 4, strangersOfAddress: 3 },
    address: { connections: Infinity, suspendedMs: () => 0, arrive: () => 0, groupOf: (ip) => ip },
    onRefused: (limit) => refused.push(limit),
    isTrustedProxy: () => false,
    tls: secured?.tlsFiles(),
    onStream: (stream, visit) => {
      const told = new Told(() => visit.end());
      const channel = new Channel(stream, { limit: 1_000, flusher, events: told });
      new Heartbeat(channel, wheel, { idleTimeoutMs });
      taken.push({ channel, told, visit });
    },
  });
  door.server.listen(0, '127.0.0.1');
  await once(door.server, 'listening');
  port = (door.server.address() as AddressInfo).port;
});
afterEach(() => {
  door.closeArrivals();
  for (const { channel } of taken) channel.close('draining');
  door.server.close();
  wheel.stop();
});

async function openTcp(): Promise<Socket> {
  const at = { port, host: '127.0.0.1' };
  const socket = secured === undefined ? connect(at) : connectTls({ ...at, ...secured.trust });
  socket.on('error', () => undefined);
  const opens = secured === undefined ? 'connect' : 'secureConnect';
  await Promise.race([new Promise((resolve) => socket.once(opens, resolve)), closed(socket)]);
  return socket;
}

const webSocket = (path = '/cim', headers: Record<string, string> = {}, more = {}): WebSocket =>
  new WebSocket(`${secured === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}${path}`, 'cim.v2', {
    headers,
    ...secured?.trust,
    ...more,
  });

async function openWebSocket(headers?: Record<string, string>): Promise<WebSocket> {
  const client = webSocket('/cim', headers);
  await once(client, 'open');
  return client;
}

/** Waits for the one connection that the door hands over. */
async function theOne(): Promise<(typeof taken)[number]> {
  await until('the connection is taken over', () => taken.length === 1);
  const [one] = taken;
  assert.ok(one);
  return one;
}

/** The HTTP status of a handshake that was refused. */
const refusal = (client: WebSocket): Promise<number | undefined> =>
  new Promise((resolve) => {
    client.on('error', () => resolve(undefined));
    client.on('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode);
    });
  });

describe('the public door, TCP', () => {
  test('frames arrive whole, wherever the first bytes are cut', async () => {
    // This frame is 71 bytes long, so it begins with a `G`, as an HTTP request does.
    const frames = Buffer.concat([frameOf('x'.repeat(71)), frameOf('second')]);
    for (let cut = 1; cut < 8; cut++) {
      taken = [];
      const client = await openTcp();
      client.setNoDelay(true);
      client.write(frames.subarray(0, cut));
      await new Promise(setImmediate);
      client.write(frames.subarray(cut));
      const { told } = await theOne();
      await until('both frames', () => told.frames.length === 2);
      assert.deepEqual(told.frames, ['x'.repeat(71), 'second']);
      client.destroy();
    }
  });

  test('what the channel sends reaches the client, and the close of the client the channel', async () => {
    const client = await openTcp();
    client.write(frameOf('hello'));
    const { channel, told } = await theOne();
    channel.send(frameOf('answer'));
    const [chunk] = (await once(client, 'data')) as [Buffer];
    assert.deepEqual(chunk, frameOf('answer'));
    client.end();
    await until('the close', () => told.closes.length === 1);
    assert.equal(told.closes[0]?.reason, 'closed');
  });

  test('a connection that says nothing is closed when its time is up', async () => {
    const client = await openTcp();
    await closed(client.resume());
    assert.equal(taken.length, 0);
  });
});

describe('the public door, limits', () => {
  const refusedSoFar = async (count: number): Promise<string[]> => {
    await until(`${count} are refused`, () => refused.length === count);
    return refused;
  };

  test('strangers above the limit of their address are closed at once; a login makes room', async () => {
    for (let i = 0; i < 3; i++) (await openTcp()).write(frameOf('hello'));
    await until('three are taken', () => taken.length === 3);
    await closed((await openTcp()).resume());
    assert.deepEqual(await refusedSoFar(1), ['strangers-of-address']);
    taken[0]?.visit.loggedIn();
    (await openTcp()).write(frameOf('hello'));
    await until('the fourth is taken', () => taken.length === 4);
  });

  test('all kinds of connections are counted, and none stays counted after its end', async () => {
    const silent = await openTcp();
    const half = await openTcp();
    half.write('GET /cim HTTP/1.1\r\n');
    const client = await openWebSocket();
    client.send(frameOf('hello'));
    await theOne();
    assert.deepEqual([door.visits.connections, door.visits.strangers], [3, 3]);
    assert.equal(await refusal(webSocket()).catch(() => 0), undefined);
    silent.destroy();
    half.destroy();
    client.terminate();
    await until('all are gone', () => door.visits.connections === 0);
    assert.equal(door.visits.strangers, 0);
    const wrong = webSocket('/other');
    assert.equal(await refusal(wrong), 404);
    await until('it is gone', () => door.visits.connections === 0);
  });
});

describe('the public door, WebSocket', () => {
  test('boundaries of messages mean nothing: frames are cut and joined anywhere', async () => {
    const client = await openWebSocket();
    assert.equal(client.protocol, 'cim.v2');
    const bytes = Buffer.concat(['one', 'two', 'x'.repeat(300)].map(frameOf));
    for (const byte of bytes.subarray(0, 6)) client.send(Buffer.from([byte]));
    client.send(bytes.subarray(6));
    const { told } = await theOne();
    await until('all frames', () => told.frames.length === 3);
    assert.deepEqual(told.frames, ['one', 'two', 'x'.repeat(300)]);
    client.terminate();
  });

  test('many small messages of one read are handed out in many turns, in order', async () => {
    const client = await openWebSocket();
    const { told } = await theOne();
    let turn = 0;
    let counting = true;
    const count = (): void => {
      turn++;
      if (counting) setImmediate(count);
    };
    /** The number of frames handed out in each turn of the event loop. */
    const turns = new Map<number, number>();
    const { onFrame } = told;
    told.onFrame = function (body) {
      turns.set(turn, (turns.get(turn) ?? 0) + 1);
      onFrame.call(told, body);
    };
    setImmediate(count);
    const texts = Array.from({ length: 1_000 }, (_, n) => String(n));
    for (const text of texts) client.send(frameOf(text));
    await until('all frames', () => told.frames.length === texts.length);
    counting = false;
    assert.deepEqual(told.frames, texts);
    assert.ok(Math.max(...turns.values()) <= 2, [...turns.values()].join());
    client.terminate();
  });

  test('each length of a message has its header: 125, 126, 65,535, 65,536 bytes and more', async () => {
    const client = await openWebSocket();
    client.send(frameOf('hello'));
    const { channel } = await theOne();
    const received: Buffer[] = [];
    client.on('message', (data: Buffer, isBinary: boolean) => {
      assert.ok(isBinary);
      received.push(data);
    });
    for (const length of [1, 125, 126, 65_535, 65_536, 200_000]) {
      const before = received.length;
      channel.send(Buffer.alloc(length, length % 251));
      await until(`${length} bytes`, () => received.length > before);
      assert.deepEqual(received.at(-1), Buffer.alloc(length, length % 251));
    }
    client.terminate();
  });

  test('a text message is refused with 1003, and a message over 64 KiB with 1009', async () => {
    for (const [message, code] of [
      ['text', 1_003],
      [Buffer.alloc(64 * 1024 + 1), 1_009],
    ] as const) {
      taken = [];
      const client = await openWebSocket();
      const closed = once(client, 'close');
      client.send(message);
      const { told } = await theOne();
      assert.equal((await closed)[0], code);
      await until('the channel ends', () => told.closes.length === 1);
      assert.deepEqual(told.frames, []);
    }
  });

  test('the close code tells the close reason, after the last frame', async () => {
    const client = await openWebSocket();
    client.send(frameOf('hello'));
    const { channel, told } = await theOne();
    const received: Buffer[] = [];
    client.on('message', (data: Buffer) => received.push(data));
    const closed = once(client, 'close');
    channel.close('superseded', frameOf('goaway'));
    const [code, text] = (await closed) as [number, Buffer];
    assert.deepEqual([code, text.toString()], [4_104, 'a later login has replaced this session']);
    assert.deepEqual(received, [frameOf('goaway')]);
    await until('the channel ends', () => told.closes.length === 1);
    assert.equal(told.closes[0]?.reason, 'superseded');
  });

  test('a client that vanishes ends the channel', async () => {
    const client = await openWebSocket();
    client.send(frameOf('hello'));
    const { told } = await theOne();
    client.terminate();
    await until('the channel ends', () => told.closes.length === 1);
  });

  test('a peer that reads nothing makes `send` answer false, and reading again drains it', async () => {
    const client = await openWebSocket();
    client.send(frameOf('hello'));
    const { channel, told } = await theOne();
    client.pause();
    const piece = Buffer.alloc(16 * 1024);
    const deadline = performance.now() + 20_000;
    while (channel.send(piece)) {
      assert.ok(performance.now() < deadline, 'the soft limit is never reached');
      await new Promise(setImmediate);
    }
    assert.equal(channel.closed, undefined);
    client.resume();
    await until('it drains', () => told.drains === 1);
    client.terminate();
  });

  test('a client that pings and never reads the pongs is cut off: they do not pile up', async () => {
    const client = await openWebSocket();
    client.send(frameOf('hello'));
    const { told } = await theOne();
    client.pause();
    client.on('error', () => undefined);
    const payload = Buffer.alloc(125);
    const deadline = performance.now() + 30_000;
    while (told.closes.length === 0) {
      assert.ok(performance.now() < deadline, 'pongs pile up for ever');
      if (client.readyState === WebSocket.OPEN && client.bufferedAmount < 64 * 1024)
        for (let i = 0; i < 200; i++) client.ping(payload, true, () => undefined);
      await new Promise(setImmediate);
    }
    client.terminate();
  });

  test('a silent client is asked for a sign of life, and its pong keeps it beyond the idle timeout', async () => {
    // Long enough for a busy machine to answer in time.
    idleTimeoutMs = 1_000;
    const client = await openWebSocket();
    let pings = 0;
    client.on('ping', () => pings++);
    client.send(frameOf('hello'));
    const { channel } = await theOne();
    await until('four pings', () => pings >= 4, 10_000);
    assert.equal(channel.closed, undefined);
    client.terminate();
  });

  test('a client that answers no ping is closed as idle', async () => {
    idleTimeoutMs = 100;
    const client = webSocket('/cim', {}, { autoPong: false });
    await once(client, 'open');
    client.send(frameOf('hello'));
    const { channel } = await theOne();
    await until('the close', () => channel.closed === 'idle', 10_000);
    client.terminate();
  });

  test('other paths are 404, pages of foreign origins 403, plain requests 426', async () => {
    assert.equal(await refusal(webSocket('/')), 404);
    for (const origin of ['https://evil.example', 'null', 'https://listed.example.evil.example'])
      assert.equal(await refusal(webSocket('/cim', { origin })), 403, origin);
    // A page whose own name points to this server (DNS rebinding): same host, but not a name of this server.
    const rebound = { host: 'rebound.example:11211', origin: 'http://rebound.example' };
    assert.equal(await refusal(webSocket('/cim', rebound)), 403);
    const ask = secured === undefined ? httpRequest : httpsRequest;
    const request = ask({ host: '127.0.0.1', port, path: '/cim', ...secured?.trust }).end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.resume();
    assert.equal(answer.statusCode, 426);
    assert.equal(taken.length, 0);
  });

  test('pages of the same host and of listed origins may connect, whatever their port', async () => {
    for (const origin of ['http://127.0.0.1:8083', 'https://listed.example']) {
      const client = await openWebSocket({ origin });
      client.terminate();
    }
  });

  test('a handshake that is not finished in time is cut off', async () => {
    const client = await openTcp();
    client.write('GET /cim HTTP/1.1\r\nHost: x\r\n');
    await closed(client.resume());
    assert.equal(taken.length, 0);
  });

  test('headers of more than 8 KiB are refused', async () => {
    const client = await openTcp();
    client.write(`GET /cim HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(9_000)}\r\n\r\n`);
    await closed(client.resume());
    assert.equal(taken.length, 0);
  });
});
