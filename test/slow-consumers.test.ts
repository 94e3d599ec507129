/** 200 clients that stop reading beside some that read: what they cost, that they are closed, that they lose nothing. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { CLOSE_REASONS, cim, encodeFrame, FrameDecoder } from '@cim/protocol';
import { ServerProcess, until } from '@cim/testkit';

const SLOW = 200;
/** To each of the slow: more than its window of 256 KiB. */
const MESSAGES = 40;
const TEXT = 'x'.repeat(8_000);
const PING_MS = 5_000;
/** What one that does not read may cost, and what the process's heap may have grown by for other reasons, in bytes. */
const COST_BYTES = 512 * 1024;
const SLACK_BYTES = 64 * 1024 * 1024;

const ping = encodeFrame(cim.Frame, { ping: {} });

/** Of a registration, or of a login. */
interface Answer {
  readonly userId: number;
  readonly cimServerPort: number;
  readonly ticket: string;
}

/** Logs in by hand, asks for its inbox, and reads nothing more until `wake`; goes on pinging. */
class Sleeper {
  readonly userId: number;
  readonly userName: string;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  reason: number | undefined;
  closed = false;

  private constructor(user: { userId: number; userName: string }, socket: Socket) {
    this.userId = user.userId;
    this.userName = user.userName;
    this.#socket = socket;
    this.#timer = setInterval(() => socket.write(ping), PING_MS);
  }

  static async start(routeUrl: string, userName: string): Promise<Sleeper> {
    const post = async (path: string, body: object): Promise<Answer> => {
      const answer = await fetch(`${routeUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return ((await answer.json()) as { dataBody: Answer }).dataBody;
    };
    const { userId } = await post('/registerAccount', { userName });
    const place = await post('/login', { userId, userName, wire: 2 });
    const socket = connect(place.cimServerPort, '127.0.0.1');
    const sleeper = new Sleeper({ userId, userName }, socket);
    const decoder = new FrameDecoder(1 << 20);
    let resumed = false;
    socket.on('data', (chunk) =>
      decoder.push(chunk, (body) => {
        const frame = cim.Frame.decode(body);
        if (frame.welcome) socket.write(encodeFrame(cim.Frame, { resume: { cursors: [{}] } }));
        if (frame.resumed) {
          resumed = true;
          socket.pause();
        }
        if (frame.goaway) sleeper.reason = frame.goaway.reason ?? 0;
        return true;
      }),
    );
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearInterval(sleeper.#timer);
      sleeper.closed = true;
    });
    socket.write(encodeFrame(cim.Frame, { login: { userId, ticket: place.ticket } }));
    await until(`${userName} is in`, () => resumed);
    return sleeper;
  }

  /** Reads what has come meanwhile, a goodbye for instance. */
  wake(): void {
    this.#socket.resume();
  }
}

const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** ms from the send to the recipient, one after the other. */
async function latencies(from: CimClient, to: CimClient, count: number): Promise<number[]> {
  const measured: number[] = [];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    const shown = new Promise<void>((resolve) => {
      const off = to.on('message', () => {
        off();
        resolve();
      });
    });
    await from.send({ user: to.user?.userId ?? 0 }, [`ping ${i}`]);
    await shown;
    measured.push(performance.now() - begun);
  }
  return measured.sort((a, b) => a - b);
}
const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(sorted.length * share)] ?? 0;

test('clients that stop reading cost little, are closed after 30 s, and lose nothing', {
  timeout: 150_000,
}, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cim-slow-'));
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dataDir });
  const clients: CimClient[] = [];
  const join_ = async (userName: string): Promise<CimClient> => {
    const client = new CimClient({ routeUrl: server.routeUrl, userName, state: memoryState() });
    clients.push(client);
    await client.connect();
    return client;
  };
  try {
    const [sender, alice, bob] = [await join_('sender'), await join_('alice'), await join_('bob')];
    const before = await latencies(alice, bob, 300);
    const sleepers: Sleeper[] = [];
    for (let i = 0; i < SLOW; i++) sleepers.push(await Sleeper.start(server.routeUrl, `slow-${i}`));
    const residentBefore = residentBytes(server.pid);

    // One after the other: the SDK keeps 16 MiB of what is not answered.
    for (const { userId } of sleepers) {
      const sends = Array.from({ length: MESSAGES }, (_, i) =>
        sender.send({ user: userId }, [`${i} ${TEXT}`]),
      );
      for (const { outcome } of await Promise.all(sends)) assert.equal(outcome, 'stored');
    }
    const during = await latencies(alice, bob, 300);
    const grown = residentBytes(server.pid) - residentBefore;
    t.diagnostic(
      `p50/p99 of the others: ${[before, during].map((l) => `${at(l, 0.5).toFixed(2)}/${at(l, 0.99).toFixed(2)}`).join(' ms before, ')} ms beside them`,
    );
    t.diagnostic(`the server grew by ${(grown / 1024 / SLOW).toFixed(0)} KiB for each of them`);
    assert.ok(grown < SLOW * COST_BYTES + SLACK_BYTES, `${grown} bytes`);

    await until(
      'the server has closed them',
      async () => {
        const metrics = await fetch(`${server.routeInternalUrl}/metrics`).then((answer) => answer.text());
        return (
          Number(/^cim_channels_closed_total\{[^}]*slow-consumer[^}]*\} (\d+)$/m.exec(metrics)?.[1]) === SLOW
        );
      },
      50_000,
    );
    for (const sleeper of sleepers) sleeper.wake();
    await until('they are told', () => sleepers.every(({ closed }) => closed), 10_000);
    const reason = CLOSE_REASONS['slow-consumer'].number;
    assert.ok(sleepers.every((it) => it.reason === reason || it.reason === undefined));

    for (const { userName } of sleepers.slice(0, 20)) {
      const client = new CimClient({ routeUrl: server.routeUrl, userName, state: memoryState() });
      clients.push(client);
      const shown: number[] = [];
      client.on('message', ({ texts }) => shown.push(Number.parseInt(texts[0] ?? '', 10)));
      await client.connect();
      await until(`${userName} has all`, () => shown.length >= MESSAGES, 10_000);
      assert.deepEqual(
        shown,
        Array.from({ length: MESSAGES }, (_, i) => i),
      );
    }
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await server.end();
    await rm(dataDir, { recursive: true, force: true });
  }
});
