/** How a CIM client gets to an im-server beside TCP: as it would behind a proxy that adds TLS, or from a page. */
import { connect as connectTls } from 'node:tls';
import type { CimDial } from '@cim/testkit';
import { createWebSocketStream, WebSocket } from 'ws';

export const overTls =
  (ca: string): CimDial =>
  async (host, port) => {
    const socket = connectTls({ host, port, ca });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return socket;
  };

export const overWebSocket: CimDial = async (host, port) => {
  const socket = new WebSocket(`ws://${host}:${port}/cim`, 'cim.v2');
  const stream = createWebSocketStream(socket);
  socket.once('close', () => stream.destroy());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return stream;
};
