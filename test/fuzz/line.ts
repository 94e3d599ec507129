/** A connection to the public port that writes and reads whole frames, over TCP or in a WebSocket. */
import { connect, type Socket } from 'node:net';
import { FrameDecoder } from '@cim/protocol';
import type { Dice } from './dice.ts';
import { handshake, message, type Scissors, ServerMessages } from './web-socket-bytes.ts';

const LONGEST = 2 ** 21;
/** How long a connection that was ended still reads. Then it is cut off [ms]. */
const LINGER_MS = 3_000;

export interface LineEvents {
  onFrame(body: Uint8Array): void;
  /** Called once. */
  onEnd(): void;
}

export class Line {
  readonly #socket: Socket;
  readonly #dice: Dice;
  readonly #decoder = new FrameDecoder(LONGEST);
  readonly #isWebSocket: boolean;
  #messages: ServerMessages | undefined;
  #ended = false;

  /** @param first what is written at once, before the server has written anything */
  constructor(port: number, isWebSocket: boolean, dice: Dice, events: LineEvents) {
    this.#dice = dice;
    this.#isWebSocket = isWebSocket;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    if (isWebSocket) {
      this.#messages = new ServerMessages((bytes) => this.#read(bytes, events));
      socket.write(handshake(dice));
    }
    socket.on('data', (chunk: Buffer) => {
      if (this.#messages === undefined) this.#read(chunk, events);
      else if (!this.#messages.push(chunk)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#ended = true;
      events.onEnd();
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Writes frames, or bytes that look like frames. Answers their number of WebSocket frames; 1 over TCP. */
  write(bytes: Buffer, scissors: Scissors): number {
    if (this.#ended) return 0;
    if (!this.#isWebSocket) {
      this.#socket.write(bytes);
      return 1;
    }
    const cut = message(this.#dice, bytes, scissors);
    this.#socket.write(cut.bytes);
    return cut.count;
  }

  /** Writes bytes without a WebSocket frame around them. */
  raw(bytes: Buffer): void {
    if (!this.#ended) this.#socket.write(bytes);
  }

  /** Reads nothing any more. */
  deaf(): void {
    this.#socket.pause();
  }

  end(): void {
    if (this.#ended) return;
    if (this.#dice.percent(30)) this.#socket.destroy();
    else {
      this.#socket.resume();
      this.#socket.end();
      const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
      this.#socket.once('close', () => clearTimeout(linger));
    }
  }

  #read(bytes: Buffer, events: LineEvents): void {
    try {
      this.#decoder.push(bytes, (body) => {
        events.onFrame(body);
        return true;
      });
    } catch {
      this.#socket.destroy();
    }
  }
}
