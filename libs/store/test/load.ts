/** Senders that go on through a failover like the SDK, and remember which sends were answered as stored. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type MessageId, messageId, type Seq, streamName } from '@cim/protocol';
import type { Store } from '../src/store.ts';
import { append, newPair, readAll, type Sends } from './contract-fixture.ts';

interface Sender {
  readonly sends: Sends;
  /** The last counter that was answered `ok` or `duplicate`. */
  promised: number;
}

export class Load {
  readonly #store: Store;
  readonly #senders: readonly Sender[];
  #going = true;
  #retries = 0;
  readonly #ends: readonly Promise<void>[];

  private constructor(store: Store, senders: readonly Sender[]) {
    this.#store = store;
    this.#senders = senders;
    this.#ends = senders.map((sender) => this.#send(sender));
    for (const end of this.#ends) end.catch(() => undefined);
  }

  /** Ends with its test, also when that fails. */
  static async start(t: TestContext, store: Store, senders: number): Promise<Load> {
    const pairs = await Promise.all(Array.from({ length: senders }, () => newPair(store)));
    const load = new Load(
      store,
      pairs.map(({ sends }) => ({ sends, promised: 0 })),
    );
    t.after(() => {
      load.#going = false;
    });
    return load;
  }

  /** Number of sends answered `ok` or `duplicate`, over all senders. */
  get promised(): number {
    return this.#senders.reduce((sum, { promised }) => sum + promised, 0);
  }

  /** Number of promised sends of each sender. */
  get each(): readonly number[] {
    return this.#senders.map(({ promised }) => promised);
  }

  get retries(): number {
    return this.#retries;
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#ends);
  }

  /**
   * Checks that every promised send is in the log once and in order, each entry with the id of the one
   * before.
   */
  async check(): Promise<void> {
    for (const { sends, promised } of this.#senders) {
      const entries = await readAll(this.#store, sends.stream);
      const of = streamName(sends.stream);
      assert.ok(entries.length >= promised, `${of} has ${entries.length} entries, ${promised} were promised`);
      let prev = '' as MessageId;
      for (const [i, entry] of entries.entries()) {
        assert.deepEqual([entry.seq, entry.counter, entry.prev], [(i + 1) as Seq, i + 1, prev], of);
        prev = messageId(sends.sender.userId, sends.producer, entry.counter);
      }
    }
  }

  async #send(sender: Sender): Promise<void> {
    while (this.#going) {
      const answer = await append(this.#store, sender.sends.item(sender.promised + 1));
      if (answer.outcome === 'ok' || answer.outcome === 'duplicate') sender.promised++;
      else if (answer.outcome === 'retry') this.#retries++;
      else {
        // A gap would say that what was promised is lost. No sender goes on: the test would never end.
        this.#going = false;
        assert.fail(`an append was answered ${JSON.stringify(answer)}`);
      }
    }
  }
}
