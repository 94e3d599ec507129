/** HTTP/1.1 with as little as it takes: keep-alive connections, one request in flight on each, JSON both ways. */
import { connect, type Socket } from 'node:net';

/** `status` 0: the connection failed. */
export type OnAnswer = (status: number, body: string) => void;

class HttpLane {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #received = '';
  readonly #queue: { readonly request: string; readonly onAnswer: OnAnswer }[] = [];
  #taken = 0;
  #current: OnAnswer | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  get length(): number {
    return this.#queue.length - this.#taken + (this.#current === undefined ? 0 : 1);
  }

  post(path: string, body: string, onAnswer: OnAnswer): void {
    const request =
      `POST ${path} HTTP/1.1\r\nHost: ${this.#host}:${this.#port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    this.#queue.push({ request, onAnswer });
    this.#next();
  }

  end(): void {
    this.#socket?.destroy();
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const item = this.#queue[this.#taken];
    if (item === undefined) return;
    this.#taken++;
    if (this.#taken > 1_024 && this.#taken * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#taken);
      this.#taken = 0;
    }
    this.#current = item.onAnswer;
    this.#socket ??= this.#connect();
    this.#socket.write(item.request);
  }

  #connect(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    this.#received = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#read();
    });
    socket.on('error', () => undefined); // followed by `close`
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#answer(0, '');
    });
    return socket;
  }

  #read(): void {
    const head = this.#received.indexOf('\r\n\r\n');
    if (head === -1) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, head + 2))?.[1] ?? NaN);
    // Texts of the load are ASCII; what is not counts as more bytes than characters.
    const body = this.#received.slice(head + 4);
    if (Number.isNaN(length)) {
      this.#socket?.destroy(new Error('an answer without Content-Length'));
      return;
    }
    if (body.length < length && Buffer.byteLength(body) < length) return;
    const status = Number(this.#received.slice(9, 12));
    this.#received = '';
    this.#answer(status, body);
  }

  #answer(status: number, body: string): void {
    const onAnswer = this.#current;
    this.#current = undefined;
    onAnswer?.(status, body);
    this.#next();
  }
}

/** Requests of one lane keep their order. */
export class HttpPool {
  readonly #lanes: HttpLane[];

  constructor(url: string, connections: number) {
    const { hostname, port } = new URL(url);
    this.#lanes = Array.from({ length: connections }, () => new HttpLane(hostname, Number(port)));
  }

  post(lane: number, path: string, body: unknown, onAnswer: OnAnswer): void {
    this.#lanes[lane % this.#lanes.length]?.post(path, JSON.stringify(body), onAnswer);
  }

  /** Resolves with `dataBody`. */
  async call(lane: number, path: string, body: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.post(lane, path, body, (status, text) => {
        const answer = parse(text);
        if (status === 200 && answer.code === '9000') resolve(answer.dataBody);
        else reject(new Error(`${path}: ${status === 0 ? 'no answer' : `${status} ${text.slice(0, 200)}`}`));
      });
    });
  }

  /** Requests that are not answered. */
  get waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.length, 0);
  }

  end(): void {
    for (const lane of this.#lanes) lane.end();
  }
}

function parse(text: string): { code?: unknown; dataBody?: unknown } {
  try {
    return JSON.parse(text) as { code?: unknown; dataBody?: unknown };
  } catch {
    return {};
  }
}
