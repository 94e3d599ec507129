/** Two healthy users, one over TCP and one over a WebSocket, who write to each other all the time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CimClient, memoryState } from '@cim/client/node';
import { cim } from '@cim/protocol';
import { until } from '@cim/testkit';
import { WebSocketClient } from '../web-socket-client.ts';

const MARK = 'from the healthy pair ';
/** Time between two texts of a user [ms]. */
const EVERY_MS = 10;
/** Most texts that wait for their receipts. */
const UNANSWERED = 100;

export class Pair {
  readonly #alice: CimClient;
  readonly #bob: WebSocketClient;
  readonly #aliceShown: string[] = [];
  #said = 0;
  #aliceStored = 0;
  #talking: Promise<void> | undefined;
  #stopped = false;
  readonly #refused: string[] = [];

  private constructor(alice: CimClient, bob: WebSocketClient) {
    this.#alice = alice;
    this.#bob = bob;
    alice.on('message', ({ from, texts }) => {
      if (from.userId === bob.userId) this.#aliceShown.push(...texts);
    });
  }

  static async start(routeUrl: string): Promise<Pair> {
    const bob = await WebSocketClient.register({ routeUrl }, 'bob');
    await bob.connect();
    const alice = new CimClient({ routeUrl, userName: 'alice', state: memoryState() });
    const pair = new Pair(alice, bob);
    await alice.connect();
    pair.#talking = pair.#talk();
    return pair;
  }

  get ids(): readonly number[] {
    return [this.#alice.user?.userId ?? 0, this.#bob.userId];
  }

  /** Ends the talk. Answers how many texts each user has sent, and what went wrong. */
  async finish(): Promise<{ readonly texts: number; readonly broken: readonly string[] }> {
    this.#stopped = true;
    await this.#talking;
    const all = Array.from({ length: this.#said }, (_, n) => `${MARK}${n + 1}`);
    const ofAlice = (): string[] => this.#bob.shown.filter((text) => text.startsWith(MARK));
    await until(
      'both have all',
      () => ofAlice().length >= all.length && this.#aliceShown.length >= all.length,
    ).catch(() => undefined);
    const broken = [...this.#refused];
    if (this.#bob.closed !== undefined) broken.push(`the healthy WebSocket was closed: ${this.#bob.closed}`);
    if (!this.#alice.online) broken.push('the healthy client over TCP is away');
    for (const [name, shown] of [
      ['bob', ofAlice()],
      ['alice', this.#aliceShown],
    ] as const)
      if (shown.join('\n') !== all.join('\n')) broken.push(`${name} was shown ${differences(all, shown)}`);
    await this.#alice.close();
    this.#bob.end();
    return { texts: this.#said, broken };
  }

  async #talk(): Promise<void> {
    const [aliceId = 0, bobId = 0] = this.ids;
    while (!this.#stopped) {
      const text = `${MARK}${++this.#said}`;
      this.#bob.send(aliceId, this.#said, text);
      void this.#alice.send({ user: bobId }, text).then(
        (answer) => {
          if (answer.outcome === 'stored') this.#aliceStored++;
          else this.#refused.push(`a text of alice: ${JSON.stringify(answer)}`);
        },
        (error: unknown) => this.#refused.push(`a text of alice: ${String(error)}`),
      );
      await sleep(EVERY_MS);
      while (this.#unanswered() > UNANSWERED && !this.#isStopped()) await sleep(EVERY_MS);
    }
    await until('all that the pair sent is answered', () => this.#unanswered() === 0).catch(
      (error: unknown) => this.#refused.push(String(error)),
    );
    for (const [counter, outcome] of this.#bob.receipts)
      if (outcome !== cim.Outcome.STORED)
        this.#refused.push(`text ${counter} of bob: ${cim.Outcome[outcome]}`);
  }

  /** Asked again after a wait, since the answer may have changed. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  #unanswered(): number {
    return Math.max(
      this.#said - this.#aliceStored - this.#refused.length,
      this.#said - this.#bob.receipts.size,
    );
  }
}

function differences(all: readonly string[], shown: readonly string[]): string {
  const missing = all.filter((text) => !shown.includes(text));
  const twice = shown.filter((text, at) => shown.indexOf(text) !== at);
  return `${shown.length} of ${all.length}; missing: ${missing.slice(0, 3).join()}; twice: ${twice.slice(0, 3).join()}`;
}
