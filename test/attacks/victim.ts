/**
 * A user at another address than the attackers', who logs in, writes, reads and logs out again and again
 * during an attack.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CimClient, memoryState } from '@cim/client/node';
import { until } from '@cim/testkit';
import type { Target } from './target.ts';

const PASSWORD = 'correct horse battery';
const ROUNDS_AT_LEAST = 3;
/** Pause between rounds [ms], so that the victim stays within its own limits in a long attack. */
const PAUSE_MS = 300;
const TEXTS = 4;

const at = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;
const told = (times: readonly number[]): string =>
  `${at(times, 0.5).toFixed(0)} / ${at(times, 0.99).toFixed(0)} ms`;

export class Victim implements AsyncDisposable {
  readonly #target: Target;
  readonly #friend: CimClient;
  /** Texts that the victim and its friend were shown. */
  readonly #shown: string[] = [];
  #rounds = 0;

  private constructor(target: Target, friend: CimClient) {
    this.#target = target;
    this.#friend = friend;
  }

  /** @param friend its name; it has a password */
  static async start(target: Target, friend = 'friend'): Promise<Victim> {
    const victim = new Victim(target, make(target, friend));
    victim.#friend.on('message', ({ texts }) => void victim.#shown.push(...texts));
    await victim.#friend.connect();
    return victim;
  }

  /** Logs in again in each round, and checks that all texts between the victim and its friend arrive once. */
  async during(attack: Promise<unknown>): Promise<string> {
    const logins: number[] = [];
    const sends: number[] = [];
    let isOver = false as boolean;
    const over = attack.finally(() => {
      isOver = true;
    });
    // A failure of the attack is reported at the end of the test.
    over.catch(() => undefined);
    for (let round = 0; round < ROUNDS_AT_LEAST || !isOver; round++) {
      await this.#round(logins, sends);
      if (!isOver) await sleep(PAUSE_MS);
    }
    await over;
    return `victim: ${logins.length} logins ${told(logins)}, ${sends.length} sends until shown ${told(sends)} (p50 / p99)`;
  }

  async #round(logins: number[], sends: number[]): Promise<void> {
    const client = make(this.#target, 'victim');
    const name = `round ${this.#rounds++}`;
    client.on('message', ({ texts }) => void this.#shown.push(...texts));
    try {
      const begun = performance.now();
      await client.connect();
      logins.push(performance.now() - begun);
      const expected: string[] = [];
      for (let n = 0; n < TEXTS; n++)
        for (const [from, to] of [
          [client, this.#friend],
          [this.#friend, client],
        ] as const) {
          const text = `${name}, text ${n} of ${from.user?.userName}`;
          expected.push(text);
          const sent = performance.now();
          const { outcome } = await from.send({ user: to.user?.userId ?? 0 }, [text]);
          assert.equal(outcome, 'stored', text);
          await until(`${text} is shown`, () => this.#shown.includes(text));
          sends.push(performance.now() - sent);
        }
      for (const text of expected)
        assert.equal(this.#shown.filter((shown) => shown === text).length, 1, `${text} is shown once`);
    } finally {
      await client.logout();
      await client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#friend.close();
  }
}

function make({ routeUrl, ca }: Target, userName: string): CimClient {
  return new CimClient({ routeUrl, userName, password: PASSWORD, tls: { ca }, state: memoryState() });
}
