/** A WebSocket byte by byte (RFC 6455), without a library, so that it can break the rules. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Dialogue } from '../dialogue.ts';

type HearControl = Dialogue['hearControl'];

export const OPCODE = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Added to the key of a handshake, RFC 6455, section 4.2.2. */
const ACCEPT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A server has this long to answer a handshake [ms]. */
const ANSWER_MS = 10_000;

/** What a server answers to the handshake. */
export interface HandshakeAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** What `Sec-WebSocket-Accept` is to be. */
  readonly accept: string;
}

export interface Frame {
  readonly opcode: number;
  readonly bytes: Buffer;
}

export interface HandshakeOptions {
  readonly path?: string;
  readonly origin?: string;
  readonly extensions?: string;
}

/** A frame as a client sends it. */
export function clientFrame(
  opcode: number,
  bytes: Uint8Array,
  { isLast = true, isMasked = true }: { readonly isLast?: boolean; readonly isMasked?: boolean } = {},
): Buffer {
  const first = (isLast ? 0x80 : 0) | opcode;
  const bit = isMasked ? 0x80 : 0;
  const length = Buffer.alloc(bytes.length < 126 ? 1 : bytes.length < 65_536 ? 3 : 9);
  length[0] = bit | (bytes.length < 126 ? bytes.length : bytes.length < 65_536 ? 126 : 127);
  if (length.length === 3) length.writeUInt16BE(bytes.length, 1);
  if (length.length === 9) length.writeBigUInt64BE(BigInt(bytes.length), 1);
  if (!isMasked) return Buffer.concat([Buffer.from([first]), length, bytes]);
  const mask = randomBytes(4);
  const masked = bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0));
  return Buffer.concat([Buffer.from([first]), length, mask, masked]);
}

/** The first frame of a server's bytes and where it ends; undefined when it is not complete yet. */
export function serverFrame(bytes: Buffer): (Frame & { readonly end: number }) | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const header = second < 126 ? 2 : second === 126 ? 4 : 10;
  if (bytes.length < header) return undefined;
  const length =
    header === 2 ? second : header === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = header + length;
  return bytes.length < end ? undefined : { opcode: first & 15, bytes: bytes.subarray(header, end), end };
}

export class RawWebSocket {
  readonly answer: HandshakeAnswer;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  /** Frames beside those with our bytes: pings, pongs, texts, the close. */
  readonly control: Frame[] = [];
  /** The bytes of binary messages, in both directions. */
  readonly bytes: Duplex;
  readonly #socket: Socket;
  readonly #hear: HearControl;

  private constructor(socket: Socket, answer: HandshakeAnswer, rest: Buffer, hear: HearControl) {
    this.#socket = socket;
    this.answer = answer;
    this.#hear = hear;
    this.bytes = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        this.send(OPCODE.binary, chunk);
        done();
      },
      destroy: (error, done) => {
        socket.destroy();
        done(error);
      },
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    void this.closed.then(() => this.bytes.destroy());
    let left = rest;
    const read = (): void => {
      for (;;) {
        const frame = serverFrame(left);
        if (frame === undefined) return;
        left = left.subarray(frame.end);
        if (frame.opcode === OPCODE.binary || frame.opcode === OPCODE.more) this.bytes.push(frame.bytes);
        else {
          hear('server', nameOf(frame.opcode), frame.bytes);
          this.control.push(frame);
        }
      }
    };
    socket.on('data', (data) => {
      left = Buffer.concat([left, data]);
      read();
    });
    read();
  }

  /** Makes the handshake, whatever its answer is. */
  static async open(
    { ip, cimServerPort }: { readonly ip: string; readonly cimServerPort: number },
    hear: HearControl,
    { path = '/cim', origin, extensions }: HandshakeOptions = {},
  ): Promise<RawWebSocket> {
    const socket = connect({ host: ip, port: cimServerPort, noDelay: true });
    socket.on('error', () => undefined);
    const key = randomBytes(16).toString('base64');
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${ip}:${cimServerPort}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: cim.v2',
      ...(origin === undefined ? [] : [`Origin: ${origin}`]),
      ...(extensions === undefined ? [] : [`Sec-WebSocket-Extensions: ${extensions}`]),
    ];
    const asked = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    socket.write(asked);
    let said: Buffer = Buffer.alloc(0);
    const signal = AbortSignal.timeout(ANSWER_MS);
    while (!said.includes('\r\n\r\n')) {
      const [chunk] = (await Promise.race([
        once(socket, 'data', { signal }),
        once(socket, 'close', { signal }),
      ])) as unknown[];
      if (!Buffer.isBuffer(chunk))
        throw new Error('the connection was closed before the handshake was answered');
      said = Buffer.concat([said, chunk]);
    }
    const end = said.indexOf('\r\n\r\n');
    const [status = '', ...headers] = said.toString('latin1', 0, end).split('\r\n');
    const accept = createHash('sha1').update(`${key}${ACCEPT}`).digest('base64');
    const answer = {
      status: Number(status.split(' ')[1]),
      headers: new Map(
        headers.map((line) => {
          const at = line.indexOf(':');
          return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
        }),
      ),
      accept,
    };
    return new RawWebSocket(socket, answer, said.subarray(end + 4), hear);
  }

  get isOpen(): boolean {
    return !this.#socket.closed;
  }

  /** Sends a frame of the WebSocket. */
  send(opcode: number, bytes: Uint8Array, options?: Parameters<typeof clientFrame>[2]): void {
    if (opcode !== OPCODE.binary) this.#hear('client', nameOf(opcode), Buffer.from(bytes));
    this.sendBytes(clientFrame(opcode, bytes, options));
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** The code in the close frame of the server; undefined when it sent none. */
  get closeCode(): number | undefined {
    const close = this.control.find(({ opcode }) => opcode === OPCODE.close);
    return close === undefined || close.bytes.length < 2 ? undefined : close.bytes.readUInt16BE(0);
  }
}

const nameOf = (opcode: number): string =>
  Object.entries(OPCODE).find(([, number]) => number === opcode)?.[0] ?? `opcode ${opcode}`;
