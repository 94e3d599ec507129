/** As much of a WebSocket (RFC 6455) as a connection of the load needs: thousands of them fit into a process. */
import { randomBytes } from 'node:crypto';

const BINARY = 0x82;
const PONG = 0x8a;
const MASKED = 0x80;
/** A mask of zeros changes nothing, and costs nothing. */
const MASK_BYTES = 4;
const END = '\r\n\r\n';

export const handshakeFor = (host: string): string =>
  [
    'GET /cim HTTP/1.1',
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: cim.v2',
    ...['', ''],
  ].join('\r\n');

/** A message of a client. */
export function messageOf(bytes: Uint8Array, first = BINARY): Buffer {
  const { length } = bytes;
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.alloc(head + MASK_BYTES + length);
  frame[0] = first;
  frame[1] = MASKED | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head === 4) frame.writeUInt16BE(length, 2);
  if (head === 10) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(bytes, head + MASK_BYTES);
  return frame;
}

/** Reads what a server writes. */
export class ServerBytes {
  /** Of the answer to the handshake; undefined once it was read. */
  #answer: string | undefined = '';
  /** Of a frame whose header has not come whole. */
  #head: number[] = [];
  /** Bytes of the frame that are to come. */
  #left = 0;
  #opcode = 0;
  #control: number[] = [];

  /**
   * @param onOpen the handshake is done
   * @param onBytes what binary messages carry, in pieces
   * @param onPing is to be answered with it
   * @returns why it is of no use, if so
   */
  push(
    chunk: Buffer,
    on: { onOpen(): void; onBytes(bytes: Buffer): void; onPing(pong: Buffer): void },
  ): string | undefined {
    let at = 0;
    if (this.#answer !== undefined) {
      this.#answer += chunk.toString('latin1');
      const end = this.#answer.indexOf(END);
      if (end === -1) return undefined;
      if (!this.#answer.startsWith('HTTP/1.1 101 ')) return this.#answer.split('\r\n')[0];
      at = chunk.length - (this.#answer.length - end - END.length);
      this.#answer = undefined;
      on.onOpen();
    }
    while (at < chunk.length) {
      if (this.#left === 0) {
        this.#head.push(chunk[at++] ?? 0);
        if (!this.#isHeadRead()) continue;
      } else {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#opcode < 8) on.onBytes(piece);
        else this.#control.push(...piece);
      }
      if (this.#left > 0 || this.#opcode < 8) continue;
      if (this.#opcode === 9) on.onPing(messageOf(Buffer.from(this.#control), PONG));
      this.#control = [];
    }
    return undefined;
  }

  /** True: the header is whole, and `#left` and `#opcode` are those of the frame. */
  #isHeadRead(): boolean {
    const [first = 0, second = 0, ...more] = this.#head;
    const needed = second < 126 ? 0 : second === 126 ? 2 : 8;
    if (this.#head.length < 2 || more.length < needed) return false;
    this.#opcode = first & 0x0f;
    this.#left = needed === 0 ? second : more.reduce((sum, byte) => sum * 256 + byte, 0);
    this.#head = [];
    return true;
  }
}
