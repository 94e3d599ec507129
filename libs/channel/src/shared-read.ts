import { Socket, type SocketConstructorOpts } from 'node:net';

/** What any of the sockets has just read, until it is copied: as long as the longest read of libuv's. */
const READ = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * The same connection as a socket that reads into one buffer, shared by all. By itself Node reserves 64 KiB for each
 * read, shrinks them to what came and leaves them to the garbage collector; that costs more than the read of a short
 * frame. The accepted socket is empty afterwards, and its server does not count it any more.
 */
export function sharedRead(accepted: Socket): Socket {
  const { _handle: handle } = accepted as unknown as { _handle: object | null };
  if (handle === null) return accepted;
  (accepted as unknown as { _handle: null })._handle = null;
  accepted.destroy();
  const options = { handle, onread: { buffer: READ, callback: onRead } };
  return new Socket(options as SocketConstructorOpts);
}

/** Node calls it on the socket. Who takes the bytes may keep them, so they are copied: out of Buffer's pool when they are few. */
function onRead(this: unknown, bytes: number): boolean {
  const chunk = Buffer.allocUnsafe(bytes);
  READ.copy(chunk, 0, 0, bytes);
  (this as Socket).emit('data', chunk);
  return true;
}
