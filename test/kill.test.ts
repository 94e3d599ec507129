/**
 * The single process with its embedded store, killed again and again while messages are sent. Every stored
 * message arrives.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CimClient, memoryState, type Recipient, type SendOutcome } from '@cim/client/node';
import { freePorts, ServerProcess, until } from '@cim/testkit';

const KILLS = 4;
/** Sends that wait for their answer at any time. */
const UNDER_WAY = 64;
/** Sends answered between two kills, so that each kill meets messages on their way. */
const STORED_BETWEEN = 400;
/** Sends that may begin between two kills. */
const ALLOWED_BETWEEN = 4_000;

interface Member {
  readonly client: CimClient;
  readonly id: number;
  readonly shown: string[];
  readonly reconnects: { readonly count: number };
}

async function joinAs(userName: string, routeUrl: string): Promise<Member> {
  const client = new CimClient({ routeUrl, userName, state: memoryState() });
  const shown: string[] = [];
  client.on('message', ({ texts }) => shown.push(...texts));
  const reconnects = { count: 0 };
  client.on('connected', ({ again }) => {
    if (again) reconnects.count++;
  });
  await client.connect();
  return { client, id: client.user?.userId ?? 0, shown, reconnects };
}

/** Keeps `UNDER_WAY` sends waiting until it is stopped, and remembers the answer of each. */
class Load {
  /** Key: text. Value: `stored`, or the other answer in words. */
  readonly outcomes = new Map<string, string>();
  readonly #client: CimClient;
  readonly #lanes: { readonly letter: string; readonly to: Recipient; count: number }[];
  readonly #waiting = new Set<Promise<void>>();
  #stopped = false;
  #turn = 0;
  #allowed = 0;
  /** Number of free slots for sends that wait for `allow`. */
  #idle: number;

  constructor(client: CimClient, lanes: Readonly<Record<string, Recipient>>) {
    this.#client = client;
    this.#lanes = Object.entries(lanes).map(([letter, to]) => ({ letter, to, count: 0 }));
    this.#idle = UNDER_WAY;
  }

  /**
   * Lets this many more sends begin. An inbox holds 10,000 unread entries, and a recipient that comes back
   * slowly on a busy machine must not fill it.
   */
  allow(sends: number): void {
    this.#allowed += sends;
    for (let slots = this.#idle; slots > 0; slots--) {
      this.#idle--;
      this.#sendOne();
    }
  }

  /** Texts of a lane that were answered `stored`, in the order they were sent. */
  stored(letter?: string): string[] {
    return [...this.outcomes]
      .filter(([text, outcome]) => outcome === 'stored' && (letter === undefined || text.startsWith(letter)))
      .map(([text]) => text)
      .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  }

  /** Resolves when every send is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#waiting);
  }

  #sendOne(): void {
    const lane = this.#lanes[this.#turn++ % this.#lanes.length];
    if (lane === undefined) return;
    if (this.#allowed === 0) {
      this.#idle++;
      return;
    }
    this.#allowed--;
    const text = `${lane.letter}${lane.count++}`;
    const answered = this.#client.send(lane.to, [text]).then((answer: SendOutcome) => {
      this.outcomes.set(text, answer.outcome === 'stored' ? 'stored' : JSON.stringify(answer));
      this.#waiting.delete(answered);
      if (!this.#stopped) this.#sendOne();
    });
    this.#waiting.add(answered);
  }
}

test('whatever was answered as stored is shown once and in order, though the server is killed under load', {
  timeout: 60_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cim-kill-'));
  const [route, tcp, http] = await freePorts(3);
  const start = () =>
    ServerProcess.start('standalone', {
      CIM_DATA_DIR: dataDir,
      // One sender writes to one recipient, which is away while the server is.
      CIM_LIMIT_INBOX_SHARE: '10000',
      CIM_ROUTE_PORT: String(route),
      CIM_TCP_PORT: String(tcp),
      CIM_HTTP_PORT: String(http),
    });
  let server = await start();
  const members: Member[] = [];
  try {
    for (const name of ['sender', 'first', 'second']) members.push(await joinAs(name, server.routeUrl));
    const [sender, first, second] = members;
    assert.ok(sender && first && second);
    const load = new Load(sender.client, {
      a: { user: first.id },
      b: { user: second.id },
      g: { group: 'lobby' },
    });

    for (let kill = 1; kill <= KILLS; kill++) {
      const before = load.stored().length;
      load.allow(ALLOWED_BETWEEN);
      await until('messages flow', () => load.stored().length >= before + STORED_BETWEEN);
      const reconnects = members.map((member) => member.reconnects.count);
      await server.end('SIGKILL');
      assert.ok(sender.client.unanswered > 0, 'the kill met sends on their way');
      server = await start();
      await until('all came back by themselves', () =>
        members.every((member, i) => member.client.online && member.reconnects.count > (reconnects[i] ?? 0)),
      );
    }
    await load.stop();

    assert.deepEqual(new Set(load.outcomes.values()), new Set(['stored']), 'each send was stored in the end');
    const lanes: [Member, string][] = [
      [first, 'a'],
      [first, 'g'],
      [second, 'b'],
      [second, 'g'],
    ];
    const shownOf = (member: Member, letter: string) => member.shown.filter((t) => t.startsWith(letter));
    await until('the recipients have caught up', () =>
      lanes.every(([member, letter]) => shownOf(member, letter).length >= load.stored(letter).length),
    );
    for (const [member, letter] of lanes) assert.deepEqual(shownOf(member, letter), load.stored(letter));
    assert.deepEqual(sender.shown, []);
  } finally {
    await Promise.all(members.map(({ client }) => client.close()));
    await server.end();
    await rm(dataDir, { recursive: true, force: true });
  }
});
