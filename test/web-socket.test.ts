/** Clients on WebSockets in a cluster of real processes, beside one on TCP; their im-server is killed meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
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
import { Cluster, until } from '@cim/testkit';
import { WebSocket } from 'ws';

interface Login {
  readonly ip: string;
  readonly cimServerPort: number;
  readonly ticket: string;
  readonly session: string;
}

/** As little of a client as the wire needs: it shows each entry once, and acknowledges it. */
class WebSocketClient {
  readonly userId: number;
  readonly shown: string[] = [];
  readonly receipts = new Map<number, cim.Outcome>();
  closed: number | undefined;
  readonly #routeUrl: string;
  readonly #userName: string;
  #webSocket: WebSocket | undefined;
  #session: string | undefined;
  /** The newest entry that was shown. */
  #cursor: cim.Cursor.$Properties = { seq: 0 };
  port = 0;

  private constructor(routeUrl: string, userName: string, userId: number) {
    this.#routeUrl = routeUrl;
    this.#userName = userName;
    this.userId = userId;
  }

  static async register(routeUrl: string, userName: string): Promise<WebSocketClient> {
    const { userId } = (await post(routeUrl, '/registerAccount', { userName })) as { userId: number };
    return new WebSocketClient(routeUrl, userName, userId);
  }

  async connect(): Promise<void> {
    const { userId } = this;
    const asked = { userId, userName: this.#userName, wire: 2, session: this.#session };
    const login = (await post(this.#routeUrl, '/login', asked)) as Login;
    this.#session = login.session;
    this.port = login.cimServerPort;
    const webSocket = new WebSocket(`ws://${login.ip}:${login.cimServerPort}/cim`, 'cim.v2');
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

async function post(routeUrl: string, path: string, body: object): Promise<unknown> {
  const answer = await fetch(`${routeUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { code, message, dataBody } = (await answer.json()) as Record<string, unknown>;
  if (code !== '9000') throw new Error(`${path}: ${String(code)} ${String(message)}`);
  return dataBody;
}

test('a WebSocket logs in, sends and receives, and goes on at another server when its own was killed', async () => {
  await using cluster = await Cluster.start({ routes: 1, imServers: 2 });
  const routeUrl = cluster.routes[0]?.routeUrl ?? '';
  const [ann, ben] = [
    await WebSocketClient.register(routeUrl, 'ann'),
    await WebSocketClient.register(routeUrl, 'ben'),
  ];
  const tom = new CimClient({ routeUrl, userName: 'tom', state: memoryState() });
  const ofTom: string[] = [];
  tom.on('message', ({ texts }) => void ofTom.push(...texts));
  await tom.connect();
  await ann.connect();
  await ben.connect();
  try {
    ann.send(ben.userId, 1, 'from a WebSocket to a WebSocket');
    ann.send(tom.user?.userId ?? 0, 1, 'from a WebSocket to TCP');
    await until('ben has it', () => ben.shown.length === 1);
    await until('tom has it', () => ofTom.length === 1);
    // A receipt may come behind the message itself.
    await until('ann has a receipt', () => ann.receipts.has(1));
    assert.equal(ann.receipts.get(1), cim.Outcome.STORED);
    const answer = await tom.send({ user: ben.userId }, ['from TCP to a WebSocket']);
    assert.equal(answer.outcome, 'stored');
    await until('ben has both', () => ben.shown.length === 2);

    const where = cluster.imServers.find((server) => server.output.includes(`:${ben.port}`));
    assert.ok(where, `no server says that it listens on ${ben.port}`);
    await where.end('SIGKILL');
    await until('ben notices', () => ben.closed !== undefined);
    const missed = await post(routeUrl, '/p2pRoute', {
      userId: tom.user?.userId,
      receiveUserId: ben.userId,
      msg: 'while ben was away',
    }).catch((error: unknown) => String(error));
    assert.match(String(missed), /null|7000/);
    await until('ben can log in again', () =>
      ben.connect().then(
        () => true,
        () => false,
      ),
    );
    await until('ben has what he missed', () => ben.shown.length === 3, 30_000);
    assert.deepEqual(ben.shown, [
      'from a WebSocket to a WebSocket',
      'from TCP to a WebSocket',
      'while ben was away',
    ]);
  } finally {
    ann.end();
    ben.end();
    await tom.close();
  }
});
