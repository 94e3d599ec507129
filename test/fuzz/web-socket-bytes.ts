/** Handshakes and frames of WebSockets, byte by byte (RFC 6455). */
import type { Dice } from './dice.ts';
import { hostileText, mutated } from './values.ts';

const ONES = 0xff;

/** A correct handshake. */
export function handshake(dice: Dice): Buffer {
  return Buffer.from(
    [
      'GET /cim HTTP/1.1',
      'Host: 127.0.0.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${dice.bytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Protocol: cim.v2',
      ...['', ''],
    ].join('\r\n'),
  );
}

/** A handshake that is wrong in one place or several; now and then a correct one. */
export function hostileHandshake(dice: Dice): Buffer {
  const odd = (good: string, ...bad: readonly string[]): string => (dice.percent(75) ? good : dice.pick(bad));
  const text = (): string => hostileText(dice).replaceAll(/[\r\n]/g, ' ');
  const lines = [
    `${odd('GET', 'POST', 'get', 'GETT', 'CONNECT', 'OPTIONS')} ${odd('/cim', '/', '/cim/', '/cim?a=1', '//cim', '/%63im', '/../cim', '*', 'http://x/cim', `/${encodeURI(text().toWellFormed())}`)} ${odd('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '')}`,
    `Host: ${odd('127.0.0.1', 'localhost:1', 'evil.example', '', '[::1]', text())}`,
    `Upgrade: ${odd('websocket', 'WebSocket', 'h2c', 'websocket, x', '')}`,
    `Connection: ${odd('Upgrade', 'keep-alive, Upgrade', 'close', 'Upgrade, close')}`,
    `Sec-WebSocket-Key: ${odd(dice.bytes(16).toString('base64'), '', 'short', dice.bytes(17).toString('base64'), text())}`,
    `Sec-WebSocket-Version: ${odd('13', '8', '12', '14', '', '13, 8')}`,
    `Sec-WebSocket-Protocol: ${odd('cim.v2', 'cim.v1', 'a, cim.v2', ',', '', 'cim.v2, cim.v2', text())}`,
  ];
  const more: readonly (() => string)[] = [
    () => `Origin: ${dice.pick(['https://evil.example', 'null', 'http://127.0.0.1', 'file://', 'x', ''])}`,
    () =>
      `Sec-WebSocket-Extensions: ${dice.pick(['permessage-deflate', 'permessage-deflate; client_max_window_bits=99', 'x; y="', ';;', ','])}`,
    () => `X-Forwarded-For: ${dice.pick(['1.2.3.4', '::1', '1.2.3.4, 5.6.7.8', 'x', ','.repeat(500)])}`,
    () => `X-Long: ${'x'.repeat(dice.pick([100, 4_000, 9_000, 20_000]))}`,
    () => 'Content-Length: 10',
    () => 'Transfer-Encoding: chunked',
    () => `Content-Length: ${dice.pick(['-1', 'x', '99999999999999999999', '1, 2'])}`,
    () => 'Host: second.example',
    () => ' folded: yes',
    () => `${text()}: ${text()}`,
    () => 'Expect: 100-continue',
  ];
  for (let count = dice.pick([0, 0, 1, 2, 5, 150]); count > 0; count--) lines.push(dice.pick(more)());
  if (dice.percent(5)) lines.splice(dice.below(lines.length), 1);
  const whole = Buffer.from(`${lines.join(dice.percent(97) ? '\r\n' : '\n')}\r\n\r\n`);
  return dice.percent(25) ? mutated(dice, whole) : whole;
}

/** How bytes are cut into frames. `whole`: into one. `pieces`: anywhere, with pings between. */
export type Scissors = 'whole' | 'pieces';

/** Bytes as binary messages. */
export function message(dice: Dice, bytes: Buffer, scissors: Scissors): { bytes: Buffer; count: number } {
  if (scissors === 'whole' && bytes.length < 60_000) return { bytes: frame(dice, 0x82, bytes), count: 1 };
  const frames: Buffer[] = [];
  let isFirst = true;
  let left = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(dice.between(1, 2_000), bytes.length - at);
    // A message in fragments must end somewhere.
    const last = at + length === bytes.length || dice.percent(50) || left + length > 50_000;
    frames.push(frame(dice, (last ? 0x80 : 0) | (isFirst ? 2 : 0), bytes.subarray(at, at + length)));
    at += length;
    left = last ? 0 : left + length;
    isFirst = last;
    // Control frames may come within a message.
    if (dice.percent(10)) frames.push(frame(dice, dice.pick([0x89, 0x8a]), dice.bytes(dice.below(126))));
  }
  return { bytes: Buffer.concat(frames), count: frames.length };
}

function frame(dice: Dice, first: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([first]), lengthOf(body.length), masked(dice, body)]);
}

/** The length field, with the bit that says that the frame is masked. */
function lengthOf(length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | length]);
  const header = Buffer.alloc(length < 65_536 ? 3 : 9);
  header[0] = 0x80 | (length < 65_536 ? 126 : 127);
  if (length < 65_536) header.writeUInt16BE(length, 1);
  else header.writeBigUInt64BE(BigInt(length), 1);
  return header;
}

function masked(dice: Dice, body: Buffer): Buffer {
  const mask = dice.percent(20) ? Buffer.alloc(4) : dice.bytes(4);
  const bytes = Buffer.allocUnsafe(body.length + 4);
  mask.copy(bytes);
  for (let at = 0; at < body.length; at++) bytes[at + 4] = (body[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return bytes;
}

/** Frames that break a rule of WebSockets, or look as if they did. */
export function wildFrame(dice: Dice): Buffer {
  const body = (): Buffer => dice.bytes(dice.below(140));
  return dice.pick<() => Buffer>([
    () => frame(dice, 0x81, Buffer.from(hostileText(dice))),
    () => frame(dice, 0x81, body()),
    () => frame(dice, 0x80 | dice.between(3, 15), body()),
    () => frame(dice, dice.below(256), body()),
    () => frame(dice, 0x80 | (dice.between(1, 7) << 4) | 2, body()),
    () => frame(dice, 0x80, body()),
    () => Buffer.concat([frame(dice, 0x02, body()), frame(dice, 0x82, body())]),
    () => frame(dice, dice.pick([0x09, 0x0a, 0x08]), body()),
    () => frame(dice, dice.pick([0x89, 0x8a, 0x88]), dice.bytes(dice.between(120, 200))),
    () => frame(dice, 0x88, Buffer.concat([Buffer.from([dice.below(256), dice.below(256)]), body()])),
    () => frame(dice, 0x88, dice.bytes(dice.below(2))),
    // A frame without a mask.
    () => Buffer.concat([Buffer.from([0x82, 5]), dice.bytes(5)]),
    // A frame that announces more bytes than it has, or more than is allowed.
    () =>
      Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, dice.pick([0, 0x7f, ONES])), dice.bytes(20)]),
    () => Buffer.concat([Buffer.from([0x82, 0xfe, 0, 5]), dice.bytes(9)]),
    () => frame(dice, 0x82, Buffer.alloc(dice.pick([65_535, 65_536, 65_537]))),
    () => Buffer.concat(Array.from({ length: 50 }, () => frame(dice, 0x89, dice.bytes(125)))),
    () =>
      Buffer.concat([
        ...Array.from({ length: 200 }, (_, i) => frame(dice, i === 0 ? 0x02 : 0, Buffer.alloc(0))),
      ]),
    () => mutated(dice, frame(dice, 0x82, body())),
    () => dice.bytes(dice.between(1, 60)),
  ])();
}

/** Reads what a server writes into a WebSocket: the answer to the handshake, then messages. */
export class ServerMessages {
  readonly #onBytes: (bytes: Buffer) => void;
  #left: Buffer = Buffer.alloc(0);
  /** The status line of the answer, when it has arrived. */
  status: number | undefined;

  constructor(onBytes: (bytes: Buffer) => void) {
    this.#onBytes = onBytes;
  }

  /** Answers false when nothing more can follow. */
  push(chunk: Buffer): boolean {
    this.#left = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    if (this.status === undefined) {
      const end = this.#left.indexOf('\r\n\r\n');
      if (end === -1) return this.#left.length < 20_000;
      this.status = Number(this.#left.toString('latin1', 9, 12));
      this.#left = this.#left.subarray(end + 4);
    }
    if (this.status !== 101) return false;
    for (;;) {
      const [first, second] = this.#left;
      if (first === undefined || second === undefined) return true;
      const header = second < 126 ? 2 : second === 126 ? 4 : 10;
      if (this.#left.length < header) return true;
      const length =
        header === 2
          ? second
          : header === 4
            ? this.#left.readUInt16BE(2)
            : Number(this.#left.readBigUInt64BE(2));
      if (this.#left.length < header + length) return true;
      if ((first & 0x0f) === 2) this.#onBytes(this.#left.subarray(header, header + length));
      if ((first & 0x0f) === 8) return false;
      this.#left = this.#left.subarray(header + length);
    }
  }
}
