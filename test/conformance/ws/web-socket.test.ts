import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { RawWebSocket } from './web-socket.ts';
import { closeCodeOf } from './ws-world.ts';

test('a server that closes a WebSocket without a close frame is found out at once', async () => {
  const server = createServer().on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    // The client's first frame is answered by the end of the connection.
    socket.once('data', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const socket = await RawWebSocket.open({ ip: '127.0.0.1', cimServerPort: port }, () => undefined);
    socket.send(1, Buffer.from('hello'));
    await assert.rejects(closeCodeOf(socket, 'a text'), {
      message: 'a text: the connection was closed without a close code',
    });
  } finally {
    server.close();
  }
});
