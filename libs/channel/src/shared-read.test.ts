import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { limitConnections, silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { sharedRead } from './shared-read.ts';

const server = createServer({ pauseOnConnect: true });
let sockets: Socket[];

/** Connects a client to a server, and answers both ends. */
async function pair(): Promise<{ client: Socket; socket: Socket }> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  const socket = sharedRead(accepted);
  sockets.push(client, socket);
  return { client, socket };
}

beforeEach(async () => {
  sockets = [];
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('a connection counts once among those of the process, and is closed when they are too many', async () => {
  const connections = limitConnections(silentLogger(), 0, 130);
  server.on('connection', (accepted: Socket) => sockets.push(sharedRead(accepted)));
  const shares: number[] = [];
  connections.onShare((share) => shares.push(share));
  const open = (): Socket => connect((server.address() as AddressInfo).port, '127.0.0.1');
  for (let n = 1; n <= 2; n++) {
    sockets.push(open());
    await until('it counts', () => connections.share === n / 2);
  }
  await once(open(), 'close');
  assert.deepEqual(shares, [0.5, 1, 1.5, 1]);
  for (const socket of sockets) socket.destroy();
  await until('all have gone', () => connections.share === 0);
  server.removeAllListeners('connection');
  connections.stop();
});

test('what was read may be kept while others read, and lies in the pool of buffers', async () => {
  const pairs: Awaited<ReturnType<typeof pair>>[] = [];
  for (let i = 0; i < 20; i++) pairs.push(await pair());
  const read = pairs.map(({ socket }) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    return chunks;
  });
  const sent = pairs.map(() => '');
  for (let round = 0; round < 30; round++) {
    for (const [i, { client }] of pairs.entries()) {
      const text = `${round} from ${i};`;
      sent[i] = `${sent[i]}${text}`;
      client.write(text);
    }
    await until('all is read', () =>
      read.every((chunks, i) => Buffer.concat(chunks).length === (sent[i] as string).length),
    );
  }
  for (const [i, chunks] of read.entries()) {
    assert.equal(Buffer.concat(chunks).toString(), sent[i]);
    // Without `sharedRead` Node allocates a buffer for each read.
    for (const chunk of chunks) assert.equal(chunk.buffer.byteLength, Buffer.poolSize);
  }
});

test('long reads come whole and in order; while paused nothing comes and the bytes stay with the peer', async () => {
  const { client, socket } = await pair();
  const sent = Buffer.alloc(16 * 1024 * 1024);
  for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
  const chunks: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
  });
  socket.pause();
  client.write(sent);
  const waiting = client.writableLength;
  // A real wait, here and below: only time can show that nothing comes.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(bytes, 0);
  assert.ok(waiting > 0 && client.writableLength > 0, 'the kernel takes 16 MiB: this shows nothing');
  socket.resume();
  await until('some is read', () => bytes > 0);
  socket.pause();
  const before = bytes;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(bytes, before, 'read while paused');
  socket.resume();
  await until('all is read', () => bytes === sent.length);
  assert.ok(Buffer.concat(chunks).equals(sent));
});

test('writes, ends and errors are those of any socket, and the server counts it no longer', async () => {
  const { client, socket } = await pair();
  assert.equal(socket.remotePort, client.localPort);
  socket.on('data', (chunk: Buffer) => socket.write(`${chunk.toString()}!`));
  client.write('hello');
  const [answer] = (await once(client, 'data')) as [Buffer];
  assert.equal(answer.toString(), 'hello!');
  const closed = once(server, 'close');
  server.close();
  await closed;
  client.end();
  await Promise.all([once(socket, 'end'), once(socket, 'close')]);

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const broken = await pair();
  broken.socket.on('data', () => {});
  const error = once(broken.socket, 'error');
  broken.client.resetAndDestroy();
  const [{ code }] = (await error) as [NodeJS.ErrnoException];
  assert.equal(code, 'ECONNRESET');
});

test('a connection that has ended already stays as it is', async () => {
  const { socket } = await pair();
  socket.destroy();
  assert.equal(sharedRead(socket), socket);
});
