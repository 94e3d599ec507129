import { channel } from 'node:diagnostics_channel';
import { Socket, type SocketConstructorOpts } from 'node:net';

/** The bytes that a socket has just read, until they are copied. Its size is libuv's longest read. */
const READ = Buffer.allocUnsafeSlow(64 * 1024);

/** `limitConnections` listens here. */
const accepts = channel('net.server.socket');

/**
 * Makes a socket of the same connection that reads into one buffer, which all such sockets share. Node itself
 * reserves 64 KiB for each read, shrinks it to the bytes that came and leaves it to the garbage collector;
 * that costs more than the read of a short frame. The accepted socket is empty afterwards, and its server no
 * longer counts it. Whoever counts the connections of the process is told of the new socket, as Node
 * tells of each socket that a server accepts.
 */
export function sharedRead(accepted: Socket): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: object | null };
  if (handle === null) return accepted;
  (accepted as unknown as { _handle: null })._handle = null;
  accepted.destroy();
  const options = { handle, onread: { buffer: READ, callback: onRead } };
  const socket = new Socket(options as SocketConstructorOpts);
  accepts.publish({ socket });
  return socket;
}

/**
 * Node calls it with the socket as `this`. The bytes are copied, since their receiver may keep them. A short
 * copy lies in Buffer's pool.
 */
function onRead(this: unknown, bytes: number): boolean {
  const chunk = Buffer.allocUnsafe(bytes);
  READ.copy(chunk, 0, 0, bytes);
  (this as Socket).emit('data', chunk);
  return true;
}
