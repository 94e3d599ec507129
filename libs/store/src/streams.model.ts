/**
 * What the streams of a store must do, in the plainest form, and a property that holds an adapter to it: random calls,
 * many of them in one turn, each answered as the model answers.
 */
import assert from 'node:assert/strict';
import {
  type Epoch,
  type GroupId,
  groupStream,
  type InstanceId,
  inboxOf,
  type MessageId,
  messageId,
  type NamedUser,
  type ProducerId,
  parseUserName,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import fc from 'fast-check';
import { plain } from '../test/stored.ts';
import type { Store } from './store.ts';
import type { Append, AppendAnswer, Cursor, Entry } from './streams.ts';

type ModelAnswer =
  | { readonly outcome: 'ok' | 'conflict' | 'unknown' }
  | { readonly outcome: 'duplicate'; readonly of: Append }
  | { readonly outcome: 'gap'; readonly last: number };

/** Streams without disk, batches or time. Seqs come from the store: which of two producers is first is its choice. */
class ModelStreams {
  /** Key: stream name. */
  readonly logs = new Map<string, Entry[]>();
  /** Key: stream name, sender, producer. The last append that was stored. */
  readonly #last = new Map<string, Append>();
  /** Key: user and stream name. */
  readonly cursors = new Map<string, Cursor>();
  /** Key: user. */
  readonly epochs = new Map<UserId, Epoch>();

  append(item: Append): ModelAnswer {
    if (item.stream.kind === 'inbox' && !this.epochs.has(item.stream.user)) return { outcome: 'unknown' };
    const key = producerOf(item);
    const last = this.#last.get(key);
    if (item.counter > 0) {
      if (item.counter > (last?.counter ?? 0) + 1) return { outcome: 'gap', last: last?.counter ?? 0 };
      if (last !== undefined && item.counter < last.counter) return { outcome: 'duplicate', of: last };
    }
    if (last !== undefined && item.counter === last.counter)
      return item.digest === last.digest ? { outcome: 'duplicate', of: last } : { outcome: 'conflict' };
    this.#last.set(key, item);
    return { outcome: 'ok' };
  }

  counter(sender: UserId, stream: StreamRef, producer: ProducerId): number {
    return this.#last.get(producerOf({ sender: { userId: sender }, stream, producer }))?.counter ?? 0;
  }

  log(stream: StreamRef): Entry[] {
    const name = streamName(stream);
    const log = this.logs.get(name) ?? [];
    this.logs.set(name, log);
    return log;
  }

  ack(user: UserId, epoch: Epoch, stream: StreamRef, cursor: Cursor): void {
    const key = `${user} ${streamName(stream)}`;
    if (this.epochs.get(user) === epoch && cursor.seq > (this.cursors.get(key)?.seq ?? 0))
      this.cursors.set(key, cursor);
  }
}

const producerOf = (of: {
  readonly stream: StreamRef;
  readonly sender: { readonly userId: UserId };
  readonly producer: ProducerId;
}): string => `${streamName(of.stream)} ${of.sender.userId} ${of.producer}`;

/** Numbers are taken modulo what there is. `counter`: relative to the last one stored; none: a keyed send. */
const sends = fc.array(
  fc.record({
    stream: fc.nat(),
    sender: fc.nat(),
    producer: fc.nat({ max: 1 }),
    counter: fc.option(fc.constantFrom(1, 1, 1, 1, 0, -1, 2)),
    content: fc.uint8Array({ maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 12 },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), sends }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      user: fc.nat(),
      stream: fc.nat(),
      seq: fc.nat(),
      late: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      stream: fc.nat(),
      from: fc.nat(),
      limit: fc.nat(9),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('login' as const), user: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/**
 * Holds an adapter to the model.
 * @param open a store; what it holds already does not matter
 * @param reopen the same data as a new process finds it, when that is to be part of the runs
 */
export async function checkAgainstModel(
  open: Store,
  options: { readonly runs: number; readonly reopen?: () => Promise<Store> },
): Promise<Store> {
  let store = open;
  let run = 0;
  const tag = Date.now().toString(36);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const trial = await Trial.start(store, `${tag}-${String(run++)}`);
      for (const one of steps) {
        if (one.kind === 'reopen') {
          store = trial.store = (await options.reopen?.()) ?? store;
        } else await trial.take(one);
      }
      await trial.checkAll();
    }),
    { numRuns: options.runs, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  );
  return store;
}

/** One run: fresh users and streams. */
class Trial {
  store: Store;
  readonly #model = new ModelStreams();
  readonly #users: readonly NamedUser[];
  readonly #streams: readonly StreamRef[];

  private constructor(store: Store, users: readonly NamedUser[], group: GroupId) {
    this.store = store;
    this.#users = users;
    const nobody = Number.MAX_SAFE_INTEGER as UserId;
    this.#streams = [...users.map((user) => inboxOf(user.userId)), groupStream(group), inboxOf(nobody)];
    for (const { userId } of users) this.#model.epochs.set(userId, 0 as Epoch);
  }

  static async start(store: Store, tag: string): Promise<Trial> {
    const users: NamedUser[] = [];
    for (const who of ['a', 'b']) {
      const parsed = parseUserName(`${who}-${tag}`);
      assert.ok(parsed.ok);
      users.push((await store.accounts.register(parsed.name)).account);
    }
    const trial = new Trial(store, users, `group-${tag}` as GroupId);
    for (const user of users) await trial.#login(user);
    return trial;
  }

  async take(step: Exclude<Step, { kind: 'reopen' }>): Promise<void> {
    switch (step.kind) {
      case 'send':
        return this.#send(step.sends);
      case 'ack':
        return this.#ack(step);
      case 'login':
        return this.#login(pick(this.#users, step.user));
      case 'read': {
        const stream = pick(this.#streams, step.stream);
        const log = this.#model.log(stream);
        const from = step.from % (log.length + 2);
        const expected = log.filter(({ seq }) => seq >= from).slice(0, step.limit);
        assert.deepEqual(
          (await this.store.streams.read(stream, from as Seq, step.limit)).map(plain),
          expected.map(plain),
        );
      }
    }
  }

  /** All sends are made in one turn. */
  async #send(sends: readonly (Step & { kind: 'send' })['sends'][number][]): Promise<void> {
    const items = sends.map(({ stream, sender, producer, counter, content }): [Append, ModelAnswer] => {
      const to = pick(this.#streams, stream);
      const from = pick(this.#users, sender);
      const id = `${counter === null ? 'keyed' : 'counted'}-producer-${String(producer)}` as ProducerId;
      const last = this.#model.counter(from.userId, to, id);
      const append: Append = {
        stream: to,
        sender: from,
        producer: id,
        // To nobody always the first: what a gap there is called is the adapter's choice.
        counter: counter === null ? 0 : this.#exists(to) ? Math.max(1, last + counter) : 1,
        rememberMs: 60_000,
        digest: Buffer.from(content).toString('hex').padEnd(22, '_'),
        content,
      };
      return [append, this.#model.append(append)];
    });
    const answers = await Promise.all(
      items.map(([item]) => new Promise<AppendAnswer>((done) => this.store.streams.append(item, done))),
    );
    const stored = new Map<Append, Seq>();
    for (const [i, [item, expected]] of items.entries()) {
      const answer = answers[i];
      assert.equal(answer?.outcome, expected.outcome, JSON.stringify({ item, answer }));
      if (answer.outcome === 'ok') {
        stored.set(item, answer.seq);
        const { stream, sender, producer, counter, content } = item;
        const { seq, prev, storedAt } = answer;
        this.#model.log(stream).push({ seq, prev, storedAt, sender, producer, counter, content });
      }
      if (answer.outcome === 'gap') assert.deepEqual(answer, expected);
    }
    this.#checkOrder(
      items.map(([item]) => item).filter((item) => stored.has(item)),
      stored,
    );
    for (const [i, [, expected]] of items.entries()) {
      const answer = answers[i];
      if (answer?.outcome !== 'duplicate' || expected.outcome !== 'duplicate') continue;
      const { of } = expected;
      const first = this.#model
        .log(of.stream)
        .find(
          (e) =>
            e.producer === of.producer && e.sender.userId === of.sender.userId && e.counter === of.counter,
        );
      assert.equal(answer.seq, first?.seq, 'a duplicate names the last seq of its producer');
    }
  }

  #exists(stream: StreamRef): boolean {
    return stream.kind === 'group' || this.#model.epochs.has(stream.user);
  }

  /** No gap, each with the id of the one before, and each producer's in the order sent. */
  #checkOrder(sent: readonly Append[], seqs: ReadonlyMap<Append, Seq>): void {
    for (const stream of this.#streams) {
      const log = this.#model.log(stream).sort((a, b) => a.seq - b.seq);
      let prev = '' as MessageId;
      for (const [i, entry] of log.entries()) {
        assert.equal(entry.seq, i + 1, 'seqs have no gap');
        assert.equal(entry.prev, prev, 'each entry has the id of the one before');
        prev = messageId(entry.sender.userId, entry.producer, entry.counter);
      }
    }
    const last = new Map<string, number>();
    for (const item of sent) {
      const seq = seqs.get(item) ?? 0;
      assert.ok(seq > (last.get(producerOf(item)) ?? 0), "a producer's sends keep their order");
      last.set(producerOf(item), seq);
    }
  }

  async #ack(step: Step & { kind: 'ack' }): Promise<void> {
    const { userId } = pick(this.#users, step.user);
    // One's own inbox, or the group.
    const stream = step.stream % 2 === 0 ? inboxOf(userId) : pick(this.#streams, this.#users.length);
    const entry = this.#model.log(stream)[step.seq % (this.#model.log(stream).length + 1)];
    const current = this.#model.epochs.get(userId) ?? 0;
    if (entry === undefined) return;
    const epoch = (step.late ? current - 1 : current) as Epoch;
    const cursor = { seq: entry.seq, id: messageId(entry.sender.userId, entry.producer, entry.counter) };
    await this.store.streams.ack([{ user: userId, epoch, stream, cursor }]);
    this.#model.ack(userId, epoch, stream, cursor);
    assert.deepEqual(
      await this.store.streams.cursor(userId, stream),
      this.#model.cursors.get(`${userId} ${streamName(stream)}`),
    );
  }

  async #login(user: NamedUser): Promise<void> {
    const instance = 'model-instance-1' as InstanceId;
    const answer = await this.store.sessions.issue({ user, instance, policy: 'replace', secretHash: '' });
    assert.equal(answer.outcome, 'issued');
    assert.ok(answer.epoch > (this.#model.epochs.get(user.userId) ?? 0));
    this.#model.epochs.set(user.userId, answer.epoch);
  }

  async checkAll(): Promise<void> {
    for (const stream of this.#streams) {
      const log = this.#model.log(stream);
      const last = log.at(-1);
      assert.deepEqual(await this.store.streams.position(stream), {
        first: 1,
        top: log.length,
        topId: last === undefined ? '' : messageId(last.sender.userId, last.producer, last.counter),
      });
      assert.deepEqual((await this.store.streams.read(stream, 1 as Seq, 10_000)).map(plain), log.map(plain));
      for (const { userId } of this.#users) {
        const key = `${userId} ${streamName(stream)}`;
        assert.deepEqual(await this.store.streams.cursor(userId, stream), this.#model.cursors.get(key));
        const of = [0, 1].map((n) => ({ stream, producer: `counted-producer-${String(n)}` as ProducerId }));
        assert.deepEqual(
          await this.store.streams.counters(userId, of),
          of.map(({ producer }) => this.#model.counter(userId, stream, producer)),
        );
      }
    }
  }
}

function pick<T>(from: readonly T[], n: number): T {
  const picked = from[n % from.length];
  assert.ok(picked !== undefined);
  return picked;
}
