/** A client of the tests' own on a WebSocket. */
import { once } from 'node:events';
import {
  cim,
  decodeContent,
  decodeFrame,
  encodeFrame,
  FrameDecoder,
  messageId,
  type ProducerId,
  type UserId,
} from '@cim/protocol';
import { Agent, fetch } from 'undici';
import { WebSocket } from 'ws';

interface Login {
  readonly ip: string;
  /** One address of all im-servers. */
  readonly url?: string;
  readonly cimServerPort: number;
  readonly ticket: string;
  readonly session: string;
}

/** How a client gets there. */
export interface Way {
  /** Of the route, such as `https://localhost:443`. */
  readonly routeUrl: string;
  /** The certificate that is trusted, PEM. */
  readonly ca?: string;
  /** Where it connects from. */
  readonly localAddress?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As little of a client as the wire needs: it shows each entry once, and acknowledges it. */
export class WebSocketClient {
  readonly userId: number;
  readonly shown: string[] = [];
  readonly receipts = new Map<number, cim.Outcome>();
  closed: number | undefined;
  readonly #way: Way;
  readonly #userName: string;
  #webSocket: WebSocket | undefined;
  #session: string | undefined;
  /** The newest entry that was shown. */
  #cursor: cim.Cursor.$Properties = { seq: 0 };
  port = 0;

  private constructor(way: Way, userName: string, userId: number) {
    this.#way = way;
    this.#userName = userName;
    this.userId = userId;
  }

  static async register(way: Way, userName: string): Promise<WebSocketClient> {
    const { userId } = (await post(way, '/registerAccount', { userName })) as { userId: number };
    return new WebSocketClient(way, userName, userId);
  }

  /** @param url in place of what the route answers */
  async connect(url?: string): Promise<void> {
    const { userId } = this;
    const asked = { userId, userName: this.#userName, wire: 2, session: this.#session };
    const login = (await post(this.#way, '/login', asked)) as Login;
    this.#session = login.session;
    this.port = login.cimServerPort;
    const { ca, localAddress, headers = {} } = this.#way;
    const more = {
      headers,
      ...(ca !== undefined && { ca }),
      ...(localAddress !== undefined && { localAddress }),
    };
    const webSocket = new WebSocket(
      url ?? login.url ?? `ws://${login.ip}:${login.cimServerPort}/cim`,
      'cim.v2',
      more,
    );
    webSocket.on('error', () => undefined);
    this.#webSocket = webSocket;
    const decoder = new FrameDecoder(1 << 20);
    webSocket.on('message', (data: Buffer) => {
      decoder.push(data, (body) => {
        this.#onFrame(decodeFrame(body));
        return true;
      });
    });
    webSocket.on('close', (code) => {
      this.closed = code;
    });
    await once(webSocket, 'open');
    this.closed = undefined;
    this.#say({ login: { userId, ticket: login.ticket, agent: 'test/1' } });
    this.#say({ resume: { cursors: [this.#cursor] } });
  }

  send(to: number, counter: number, text: string): void {
    const content = cim.Content.encode({ texts: [text] }).finish();
    this.#say({ send: { to, producer: `p${this.userId}`.padEnd(16, '0'), counter, content } });
  }

  end(): void {
    this.#webSocket?.terminate();
  }

  #say(frame: cim.Frame.$Properties): void {
    this.#webSocket?.send(encodeFrame(cim.Frame, frame));
  }

  #onFrame({ deliver, receipt }: cim.Frame): void {
    if (receipt) this.receipts.set(receipt.counter ?? 0, receipt.outcome ?? cim.Outcome.STORED);
    for (const entry of (deliver?.entries ?? []) as cim.Entry[]) {
      if (entry.seq <= (this.#cursor.seq ?? 0)) continue;
      // A copy of its own message is no content for a client of level 0: only the cursor passes it.
      this.shown.push(...(decodeContent(entry.content)?.texts ?? []));
      const id = messageId(entry.sender as UserId, entry.producer as ProducerId, entry.counter);
      this.#cursor = { seq: entry.seq, id };
      this.#say({ ack: { seq: entry.seq } });
    }
  }
}

export async function post({ routeUrl, ca }: Way, path: string, body: object): Promise<unknown> {
  const dispatcher = ca === undefined ? undefined : new Agent({ connect: { ca }, keepAliveTimeout: 1 });
  const answer = await fetch(`${routeUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(dispatcher !== undefined && { dispatcher }),
    body: JSON.stringify(body),
  });
  const { code, message, dataBody } = (await answer.json()) as Record<string, unknown>;
  if (code !== '9000') throw new Error(`${path}: ${String(code)} ${String(message)}`);
  return dataBody;
}
