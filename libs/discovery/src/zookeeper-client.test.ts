import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import { recordingLogger } from '../test/recording-logger.ts';
import { OPEN_ACCESS } from './zookeeper-access.ts';
import { ZooKeeperSession } from './zookeeper-session.ts';

describe('a ZooKeeper session with a server that is none', () => {
  const ended: (() => Promise<unknown>)[] = [];
  afterEach(() => Promise.all(ended.splice(0).map((end) => end())));

  /** Returns how often the session connected to the server, and the log lines. */
  async function against(answer: (socket: Socket) => void, sessionTimeoutMs: number) {
    let connections = 0;
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      connections++;
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      socket.resume();
      answer(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { logger, count } = recordingLogger();
    const session = new ZooKeeperSession({
      servers: [{ host: '127.0.0.1', port }],
      sessionTimeoutMs,
      access: OPEN_ACCESS,
      logger,
      onConnected: () => undefined,
    });
    session.start();
    ended.push(() => {
      const stopped = session.stop();
      for (const socket of sockets) socket.destroy();
      return Promise.all([stopped, new Promise((resolve) => server.close(resolve))]);
    });
    return { session, connections: () => connections, count };
  }

  const frame = (...words: number[]): Buffer => {
    const bytes = Buffer.alloc(4 + words.length * 4);
    bytes.writeInt32BE(words.length * 4, 0);
    words.forEach((word, i) => bytes.writeInt32BE(word, 4 + i * 4));
    return bytes;
  };

  for (const [what, bytes] of [
    ['text', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['an endless frame', frame().fill(0x7f)],
    ['a negative length', frame().fill(0xff)],
    ['a frame that is too short to be an answer', frame(0)],
    ['an answer with a length that cannot be', frame(0, 4000, 0, 1, -2)],
  ] as const)
    test(`survives ${what}, tries again and says so once`, async () => {
      const { session, connections, count } = await against((socket) => socket.write(bytes), 2000);
      await until('it tries again', () => connections() >= 3);
      assert.equal(session.connected, false);
      assert.equal(count('zookeeper.unreachable'), 1);
      assert.deepEqual(await session.stat('/'), { kind: 'lost' });
    });

  test('leaves a server that accepts and says nothing', async () => {
    const { connections } = await against(() => undefined, 600);
    await until('it tries again', () => connections() >= 3);
  });

  test('waits longer and longer between attempts', async () => {
    const { connections } = await against((socket) => socket.destroy(), 6000);
    await until('it tries again', () => connections() >= 4);
    const [before, since] = [connections(), performance.now()];
    await until('a second has passed', () => performance.now() - since > 1000);
    assert.ok(connections() - before < 20, `${connections() - before} attempts in a second`);
  });
});
