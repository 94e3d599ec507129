import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { until } from '@cim/testkit';
import pino from 'pino';
import { limitConnections, openFilesLimit, requireOpenFiles } from './open-files.ts';

test('the limit of this process is told', () => {
  assert.ok(openFilesLimit() >= 64);
});

test('a limit that is too low is told in one line, with what is needed and how to raise it', () => {
  assert.throws(
    () => requireOpenFiles(255),
    /^Error: [^\n]* 255 open files; it needs 256,[^\n]*ulimit -n \d+/,
  );
  requireOpenFiles(256);
  requireOpenFiles(Number.POSITIVE_INFINITY);
});

test('connections above the limit are closed, with one line in the log, and are taken again when others have gone', {
  timeout: 20_000,
}, async () => {
  const lines: { msg: string; openFiles: number }[] = [];
  const logger = pino(
    { base: null },
    { write: (line: string) => void lines.push(JSON.parse(line) as never) },
  );
  const connections = limitConnections(logger, 0.2, 165);
  const shares: number[] = [];
  connections.onShare((share) => shares.push(share));
  const servers = [1, 2].map(() => createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const sockets: Socket[] = [];
  /** Whether the server answers on this connection. */
  const isTaken = async (n: number): Promise<boolean> => {
    const socket = connect((servers[n % 2]?.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('are you there?');
    return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
  };
  const taken: boolean[] = [];
  for (let n = 0; n < 7; n++) taken.push(await isTaken(n));
  assert.deepEqual(taken, [true, true, true, true, false, false, false], 'four fifths of 165, less 128');
  assert.deepEqual(
    lines.map(({ msg, openFiles }) => [msg, openFiles]),
    [['connection.refused', 165]],
  );
  assert.deepEqual(shares.slice(0, 5), [0.25, 0.5, 0.75, 1, 1.25]);
  sockets[0]?.destroy();
  // The server notices a little later that one connection has ended.
  while (!(await isTaken(0)));
  for (const socket of sockets) socket.destroy();
  await until('all have gone', () => connections.share === 0);
  connections.stop();
  for (const server of servers) server.close();
});
