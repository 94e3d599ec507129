/** The public door with TLS: the tests that hold without TLS too, and those for TLS only. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { CLOSE_REASONS, type cim, decodeFrame, FrameDecoder } from '@cim/protocol';
import { until } from '@cim/testkit';
import { closed, frameOf, readAll, Told } from '../../test/connection.ts';
import { authority, files, tlsFiles, trust } from '../../test/secured.ts';
import { Channel, PublicDoor, TimingWheel, TurnFlusher } from '../index.ts';

process.env['CIM_TEST_TLS'] = 'true';
await import('./public-door.test.ts');

const flusher = new TurnFlusher();
let wheel: TimingWheel;
let door: PublicDoor;
let port: number;
let taken: { channel: Channel; told: Told }[];
let refused: string[];
let handshakeMs: number;
let trustsProxy: boolean;
let clients: Socket[];

async function openDoor(insecure = false, certified = true): Promise<void> {
  door = new PublicDoor({
    wheel,
    handshakeMs,
    supplies: { supply: 'enough' },
    allowedOrigins: [],
    hostProblem: () => undefined,
    limits: { connections: 8, strangers: 8, strangersOfAddress: 3 },
    address: { connections: 8, suspendedMs: () => 0, arrive: () => 0, groupOf: (ip) => ip },
    isTrustedProxy: (ip) => trustsProxy && ip === '127.0.0.1',
    onRefused: (limit, _ip, why) => refused.push(why === undefined ? limit : `${limit} ${why}`),
    onStream: (stream, visit) => {
      const told = new Told(() => visit.end());
      taken.push({ channel: new Channel(stream, { limit: 1_000, flusher, events: told }), told });
    },
    ...(certified && { tls: tlsFiles(insecure) }),
  });
  door.server.listen(0, '127.0.0.1');
  await once(door.server, 'listening');
  port = (door.server.address() as AddressInfo).port;
}

beforeEach(() => {
  [taken, refused, clients, handshakeMs, trustsProxy] = [[], [], [], 60_000, false];
  wheel = new TimingWheel({ tickMs: 5 });
  wheel.start();
});

afterEach(() => {
  door.closeArrivals();
  for (const client of clients) client.destroy();
  for (const { channel } of taken) channel.close('draining');
  door.server.close();
  door.tls?.stop();
  wheel.stop();
});

async function openPlain(): Promise<Socket> {
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  clients.push(client);
  await once(client, 'connect');
  return client;
}

function openTls(options: object = {}): TLSSocket {
  const client = connectTls({ port, host: '127.0.0.1', ...trust, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

async function talks(client: Socket): Promise<void> {
  const before = taken.length;
  client.write(frameOf('hello'));
  await until('the frame arrives', () => taken[before]?.told.frames[0] === 'hello');
}

describe('a door with TLS', () => {
  test('refuses plain frames, and tells a plain HTTP client what to do', async () => {
    await openDoor();
    const plain = await openPlain();
    plain.write(frameOf('hello'));
    const said: cim.Frame[] = [];
    new FrameDecoder(1_000).push(await readAll(plain), (body) => said.push(decodeFrame(body)) > 0);
    assert.deepEqual(said[0]?.goaway?.reason, CLOSE_REASONS['tls-mismatch'].number);
    // This frame is 22 bytes long, so it begins with the same byte as a TLS handshake.
    const frame = await openPlain();
    frame.write(frameOf('\n'.padEnd(22, 'x')));
    await closed(frame.resume());
    const http = await openPlain();
    http.write('GET /cim HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(
      (await readAll(http)).toString(),
      /^HTTP\/1\.1 400 [^]*this port speaks TLS: use wss:\/\/\n$/,
    );
    assert.deepEqual(refused, ['plain', 'plain', 'plain']);
    assert.equal(taken.length, 0);
    await until('all are gone', () => door.visits.connections === 0);
  });

  test('without a certificate answers a TLS handshake with what no TLS begins with', async () => {
    await openDoor(false, false);
    const client = openTls();
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    assert.match(error.code ?? '', /WRONG_VERSION_NUMBER|EPROTO/);
    assert.deepEqual(refused, ['tls-handshake this server has no certificate']);
    await talks(await openPlain());
  });

  test('takes plain connections beside TLS where that is said', async () => {
    await openDoor(true);
    await talks(await openPlain());
    await talks(openTls());
    const frame = await openPlain();
    frame.write(frameOf('\n'.padEnd(22, 'x')));
    await until('the frame arrives', () => taken[2]?.told.frames.length === 1);
    assert.deepEqual(refused, []);
  });

  test('takes no TLS below 1.2, no cipher without forward secrecy, and nothing that asks for another protocol', async () => {
    await openDoor();
    const cases: [object, RegExp][] = [
      [
        { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
        /^tls-handshake ERR_SSL/,
      ],
      [{ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA256' }, /^tls-handshake ERR_SSL_NO_SHARED_CIPHER$/],
      [{ ALPNProtocols: ['ftp'] }, /^tls-handshake ERR_SSL_NO_APPLICATION_PROTOCOL$/],
    ];
    for (const [options, why] of cases) {
      refused = [];
      await closed(openTls(options));
      await until('it is refused', () => refused.length === 1);
      assert.match(refused[0] ?? '', why);
    }
    const old = openTls({ maxVersion: 'TLSv1.2' });
    await talks(old);
    // The server refuses renegotiation: the connection ends, or nothing happens.
    const failed = new Promise((resolve) => old.renegotiate({}, resolve));
    assert.ok((await Promise.race([failed, closed(old)])) !== null);
    await until('all are gone', () => door.visits.connections === 0);
  });

  test('a proxy names the client before the handshake', async () => {
    trustsProxy = true;
    await openDoor();
    const through = await openPlain();
    through.write(Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002010a000001dc0401bb', 'hex'));
    const client = connectTls({ socket: through, host: '127.0.0.1', ...trust });
    client.on('error', () => undefined);
    clients.push(client);
    await talks(client);
    assert.equal(taken[0]?.channel.remote, '192.0.2.1:56324');
  });

  test('a handshake that stalls is a stranger, and is cut off when its time is up', async () => {
    handshakeMs = 300;
    await openDoor();
    const stalled = [await openPlain(), await openPlain(), await openPlain()];
    // The three connections send nothing, the first byte, and a header that announces more.
    stalled[1]?.write(Buffer.from([0x16]));
    stalled[2]?.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    await until('all are counted', () => door.visits.strangers === 3);
    await closed((await openPlain()).resume());
    assert.deepEqual(refused, ['strangers-of-address']);
    await Promise.all(stalled.map((client) => closed(client.resume())));
    await until('none is counted', () => door.visits.connections === 0);
    assert.equal(taken.length, 0);
  });

  test('time does not begin again after the handshake', async () => {
    handshakeMs = 400;
    await openDoor();
    const client = openTls();
    const begun = performance.now();
    await closed(client.resume());
    assert.ok(performance.now() - begun < 10_000);
    assert.equal(taken.length, 0);
    await until('it is not counted any more', () => door.visits.connections === 0);
  });

  test('a client that leaves, breaks off or talks rubbish within the handshake is not counted any more', async () => {
    await openDoor();
    const hello = Buffer.from([0x16, 3, 1, 2, 0, 1, 0]);
    const [leaves, breaks, rubbish] = [await openPlain(), await openPlain(), await openPlain()];
    for (const client of [leaves, breaks]) client.write(hello);
    rubbish.write(Buffer.concat([hello, Buffer.alloc(600, 7)]));
    await until('the rubbish is refused', () => refused.length === 1);
    assert.match(refused[0] ?? '', /^tls-handshake /);
    leaves.end();
    breaks.resetAndDestroy();
    await until('none is counted', () => door.visits.connections === 0);
    assert.equal(refused.length, 1);
  });

  test('a new certificate counts for new connections; those that are there go on', async () => {
    await openDoor();
    const first = openTls();
    await talks(first);
    const before = first.getPeerCertificate().serialNumber;
    files.replace(authority.issue());
    await until('a new certificate is shown', async () => {
      const client = openTls();
      await once(client, 'secureConnect');
      const { serialNumber } = client.getPeerCertificate();
      client.destroy();
      return serialNumber !== before;
    });
    const [{ channel } = assert.fail()] = taken;
    channel.send(frameOf('still here'));
    const [chunk] = (await once(first, 'data')) as [Buffer];
    assert.deepEqual(chunk, frameOf('still here'));
  });

  test('a session is resumed, and one of before a new certificate costs a whole handshake and no connection', async () => {
    await openDoor();
    const first = openTls();
    const given = once(first, 'session') as Promise<[Buffer]>;
    await talks(first);
    const [session] = await given;
    const second = openTls({ session });
    await talks(second);
    assert.equal(second.isSessionReused(), true);
    door.tls?.stop();
    door.server.close();
    await openDoor();
    const third = openTls({ session });
    await talks(third);
    assert.equal(third.isSessionReused(), false);
  });
});
