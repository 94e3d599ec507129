import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Channel, type ChannelEvents, type ChannelOptions, TurnFlusher } from '../src/index.ts';

/** Records the events of a channel in order. */
export class Told implements ChannelEvents {
  readonly frames: string[] = [];
  readonly closes: { reason: string; detail: string | undefined }[] = [];
  readonly unexpected: unknown[] = [];
  drains = 0;
  readonly #ended: () => void;

  constructor(ended: () => void = () => undefined) {
    this.#ended = ended;
  }

  onFrame(body: Uint8Array): void {
    this.frames.push(Buffer.from(body).toString('latin1'));
  }

  onClose(reason: string, detail?: string): void {
    this.closes.push({ reason, detail });
    this.#ended();
  }

  onDrain(): void {
    this.drains++;
  }

  onUnexpected(error: unknown): void {
    this.unexpected.push(error);
  }
}

export interface Connection<E extends ChannelEvents> {
  readonly channel: Channel;
  /** The socket that the channel uses. */
  readonly socket: Socket;
  /** The other end of the connection, which the test controls. */
  readonly peer: Socket;
  readonly told: E;
  readonly close: () => void;
}

/** Opens a channel on a real TCP connection. The peer reads nothing until the test listens to it. */
export async function openConnection<E extends ChannelEvents>(
  told: E,
  options: Partial<ChannelOptions> & { allowHalfOpen?: boolean } = {},
): Promise<Connection<E>> {
  const server = createServer({ allowHalfOpen: options.allowHalfOpen ?? false }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const peer = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    allowHalfOpen: true,
  });
  const [socket] = await accepted;
  peer.on('error', () => {});
  server.close();
  const channel = new Channel(socket, { limit: 1_000, flusher: new TurnFlusher(), events: told, ...options });
  return {
    channel,
    socket,
    peer,
    told,
    close: () => {
      peer.destroy();
      socket.destroy();
    },
  };
}

/** Encodes one frame by hand. */
export function frameOf(text: string): Buffer {
  const header: number[] = [];
  let length = text.length;
  for (; length > 0x7f; length >>>= 7) header.push((length & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...header, length]), Buffer.from(text, 'latin1')]);
}

/** Everything that a peer reads until its connection ends. */
export async function readAll(peer: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!peer.readableEnded && !peer.closed) await Promise.race([once(peer, 'end'), once(peer, 'close')]);
  return Buffer.concat(chunks);
}

/** Resolves when a connection has ended for any reason. */
export const closed = (peer: Socket): Promise<void> =>
  peer.closed ? Promise.resolve() : new Promise((resolve) => void peer.once('close', () => resolve()));
