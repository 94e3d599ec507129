import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cim,
  inboxOf,
  type MessageId,
  type ProducerId,
  parseUserName,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import {
  type Append,
  type AppendAnswer,
  type Entry,
  type GroupOperation,
  openEmbeddedStore,
  policyOf,
  type Store,
} from '@cim/store';

const CREATE: GroupOperation = { kind: 'create', name: 'a group', category: '', join: 'open', users: [] };
const PRODUCER = 'test-producer-000' as ProducerId;

/** An entry that is in no store. */
export const madeUp = (seq: number): Entry => ({
  seq: seq as Seq,
  n: 1,
  prev: (seq === 1 ? '' : `1001:test-producer-000:${seq - 1}`) as MessageId,
  storedAt: 1,
  sender: { userId: 1001 as UserId, userName: 'reader' },
  producer: PRODUCER,
  counter: seq,
  content: Buffer.from([10, 1, 120]),
});

/** A real store in a temporary folder, with one user. */
export class Stored {
  readonly store: Store;
  readonly user: UserId;
  readonly #dir: string;
  /** Key: stream name. Value: last counter. Never removed: the store ends with the test. */
  readonly #counters = new Map<string, number>();

  private constructor(store: Store, user: UserId, dir: string) {
    this.store = store;
    this.user = user;
    this.#dir = dir;
  }

  /** @param now clock of the store [ms since 1970] */
  static async open(now: () => number = Date.now): Promise<Stored> {
    const dir = await mkdtemp(join(tmpdir(), 'cim-im-server-'));
    const store = await openEmbeddedStore({ dir, logger: silentLogger(), now });
    const name = parseUserName('reader');
    if (!name.ok) throw new Error(name.problem);
    const { account } = await store.accounts.register(name.name);
    return new Stored(store, account.userId, dir);
  }

  get inbox(): StreamRef {
    return inboxOf(this.user);
  }

  /** Appends texts one after the other, and answers their entries. */
  async append(stream: StreamRef, texts: readonly string[]): Promise<Entry[]> {
    const before = await this.store.streams.position(stream);
    for (const text of texts) {
      const counter = (this.#counters.get(streamName(stream)) ?? 0) + 1;
      this.#counters.set(streamName(stream), counter);
      const item: Append = {
        stream,
        sender: { userId: this.user, userName: 'reader' },
        producer: PRODUCER,
        counter,
        digest: `digest-${counter}`,
        content: cim.Content.encode({ texts: [text] }).finish(),
        // The first text creates the group, with its writer as the owner.
        operation: counter === 1 && policyOf(stream).writers === 'members' ? CREATE : undefined,
      };
      const answer = await new Promise<AppendAnswer>((resolve) => this.store.streams.append(item, resolve));
      if (answer.outcome !== 'ok') throw new Error(`append answered ${answer.outcome}`);
    }
    return this.store.streams.read(stream, (before.top + 1) as Seq, texts.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
