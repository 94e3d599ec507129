/** The acts of attackers, each from its own address. */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { closeReasonOf, cim, encodeFrame, FrameDecoder } from '@cim/protocol';
import { until } from '@cim/testkit';
import type { Target } from './target.ts';

/** Connections that are opened at the same time. */
const AT_ONCE = 100;

export interface Answer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly dataBody: unknown;
}

/** Runs `work` this many times, some of them at the same time. */
export async function times(
  count: number,
  atOnce: number,
  work: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const slot = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, slot));
}

/** HTTP requests from one address, on kept-alive connections. */
export class HttpAttacker {
  readonly #agent: Agent;
  readonly #url: string;
  /** Key: code, and the limit that the message names. Value: number of answers. */
  readonly answers = new Map<string, number>();

  constructor({ routeUrl }: Pick<Target, 'routeUrl'>, localAddress: string, connections: number) {
    this.#url = routeUrl.replace('https:', 'http:');
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, localAddress });
  }

  async post(path: string, body: object): Promise<Answer> {
    const text = JSON.stringify(body);
    const answer = await new Promise<Answer>((resolve, reject) => {
      const asked = request(
        this.#url + path,
        {
          method: 'POST',
          agent: this.#agent,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
        },
        (response) => {
          let read = '';
          response.setEncoding('utf8').on('data', (piece: string) => (read += piece));
          response.on('error', reject);
          response.on('end', () =>
            resolve({ ...(JSON.parse(read) as Answer), status: response.statusCode ?? 0 }),
          );
        },
      );
      asked.on('error', reject);
      asked.end(text);
    });
    const limit = /limit (\w+)/.exec(answer.message)?.[1];
    const name = limit === undefined ? answer.code : `${answer.code} ${limit}`;
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** A plain connection of an attacker to the public port. */
export class RawConnection {
  readonly socket: Socket;
  readonly frames: cim.Frame[] = [];
  closed = false;

  constructor(port: number, localAddress: string) {
    this.socket = connect({ port, host: '127.0.0.1', localAddress });
    const decoder = new FrameDecoder(1 << 20);
    this.socket.on('data', (chunk) => {
      try {
        decoder.push(chunk, (body) => {
          this.frames.push(cim.Frame.decode(body));
          return true;
        });
      } catch {
        // It answers in HTTP.
      }
    });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Resolves when it is connected or refused. */
  async settles(): Promise<void> {
    if (this.closed || !this.socket.connecting) return;
    await new Promise<void>((resolve) => {
      this.socket.once('connect', resolve);
      this.socket.once('close', () => resolve());
    });
  }

  get goodbye(): string | undefined {
    const goaway = this.frames.find((frame) => frame.goaway !== null)?.goaway;
    return goaway == null ? undefined : closeReasonOf(goaway.reason ?? 0);
  }

  say(frame: cim.Frame.$Properties): void {
    this.socket.write(encodeFrame(cim.Frame, frame));
  }
}

/** Opens connections from one address that send nothing. */
export async function idleConnections(
  { server }: Target,
  localAddress: string,
  count: number,
): Promise<readonly RawConnection[]> {
  const all: RawConnection[] = [];
  await times(count, AT_ONCE, async () => {
    const raw = new RawConnection(server.tcpPort, localAddress);
    all.push(raw);
    await raw.settles();
  });
  return all;
}

/** The session of an attacker with an ordinary account. */
export class Flooder {
  readonly raw: RawConnection;
  readonly #producer = 'attackersproducer';
  #counter = 0;

  private constructor(raw: RawConnection) {
    this.raw = raw;
  }

  static async start(target: Target, localAddress: string, userName: string): Promise<Flooder> {
    const http = new HttpAttacker(target, localAddress, 1);
    const { userId } = (await http.post('/registerAccount', { userName })).dataBody as { userId: number };
    const { ticket } = (await http.post('/login', { userId, userName, wire: 2 })).dataBody as {
      ticket: string;
    };
    http.close();
    const raw = new RawConnection(target.server.tcpPort, localAddress);
    raw.say({ login: { userId, ticket, level: 1 } });
    await until(`${userName} is in`, () => raw.frames.some(({ welcome }) => welcome !== null));
    return new Flooder(raw);
  }

  /** Sends without waiting for receipts. */
  flood(to: { to?: number; group?: string }, count: number, text = 'buy this'): void {
    const content = cim.Content.encode({ texts: [text] }).finish();
    for (let n = 0; n < count; n++)
      this.raw.say({ send: { ...to, producer: this.#producer, counter: ++this.#counter, content } });
  }

  /** Key: outcome, and the limit or code that the receipt names. Value: number of receipts. */
  get receipts(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const { receipt } of this.raw.frames) {
      if (receipt == null) continue;
      const outcome = (cim.Outcome[receipt.outcome ?? 0] ?? '').toLowerCase();
      const limit = /limit (\w+)/.exec(receipt.text ?? '')?.[1] ?? receipt.code ?? '';
      const name = outcome === 'stored' ? outcome : `${outcome} ${limit}`;
      sums.set(name, (sums.get(name) ?? 0) + 1);
    }
    return sums;
  }
}
