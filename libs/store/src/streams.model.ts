/**
 * A model of the streams of a store in the plainest form, and a property that compares an adapter with it:
 * random calls, many of them in one turn, must be answered as the model answers.
 */
import assert from 'node:assert/strict';
import {
  CIM_DEVICE,
  copyProducer,
  type Epoch,
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
import { creationOf, newGroupId } from '../test/contract-fixture.ts';
import { type FeedPositions, feedEnds, readFeed } from '../test/feed.ts';
import { ends, plain } from '../test/stored.ts';
import type { Store } from './store.ts';
import {
  type Append,
  type AppendAnswer,
  type Cursor,
  type Entry,
  isCopy,
  type Stored,
  RETENTION,
  type StreamLimits,
} from './streams.ts';

type ModelAnswer =
  | { readonly outcome: 'conflict' | 'unknown' | 'unknown-producer' }
  | { readonly outcome: 'ok'; readonly seq: number; readonly n: number; readonly copy?: Copied }
  | { readonly outcome: 'duplicate'; readonly seq: number }
  | { readonly outcome: 'gap'; readonly last: number };

/** The position of the sender's copy. */
interface Copied {
  readonly seq: number;
  readonly n: number;
}

/** An entry without the fields that only the store knows. */
type ModelEntry = Append & { readonly seq: number; readonly n: number };
type OfProducer = Pick<Append, 'stream' | 'producer'> & { readonly sender: { readonly userId: UserId } };

/** Streams without disk, batches or time. Everything is found by going through the whole log. */
class ModelStreams {
  /** Key: stream name. */
  readonly #logs = new Map<string, ModelEntry[]>();
  /** Producers whose first send was answered `unknown-producer`. */
  readonly #refused = new Set<string>();
  /** Key: user and stream name. */
  readonly cursors = new Map<string, Cursor>();
  /** Key: user. */
  readonly epochs = new Map<UserId, Epoch>();
  readonly #window: number;

  /** @param window see `RETENTION.producerEntries` */
  constructor(window: number) {
    this.#window = window;
  }

  append(item: Append): ModelAnswer {
    if (item.stream.kind === 'inbox' && !this.epochs.has(item.stream.user)) return { outcome: 'unknown' };
    const log = this.log(item.stream);
    const own = log.filter((entry) => producerOf(entry) === producerOf(item));
    const before = own.findLast((entry) => entry.counter === item.counter);
    const last = this.last(item);
    if (item.counter > 0) {
      if (last === undefined && item.counter > 1) return { outcome: 'unknown-producer' };
      if (last === undefined && this.#hasForgotten(log)) {
        if (item.again === true) this.#refused.add(producerOf(item));
        if (this.#refused.has(producerOf(item))) return { outcome: 'unknown-producer' };
      }
      if (last !== undefined && item.counter > last.counter + 1)
        return { outcome: 'gap', last: last.counter };
    }
    if (before !== undefined && (item.counter === 0 || item.counter <= (last?.counter ?? 0)))
      return before.digest === item.digest
        ? { outcome: 'duplicate', seq: before.seq }
        : { outcome: 'conflict' };
    const { seq, n } = this.#write(item);
    const { stream, sender, producer } = item;
    if (stream.kind !== 'inbox' || stream.user === sender.userId) return { outcome: 'ok', seq, n };
    const its = { stream: inboxOf(sender.userId), producer: copyProducer(producer, stream.user) };
    const copy = this.#write({ ...item, ...its, silent: true });
    return { outcome: 'ok', seq, n, copy: { seq: copy.seq, n: copy.n } };
  }

  #write(item: Append): ModelEntry {
    const log = this.log(item.stream);
    const shown = log.at(-1)?.n ?? 0;
    const entry = { ...item, seq: log.length + 1, n: item.silent === true ? shown : shown + 1 };
    log.push(entry);
    return entry;
  }

  /** The newest counted entry of a producer, if the stream remembers the producer. */
  last(of: OfProducer): ModelEntry | undefined {
    const log = this.log(of.stream);
    const last = log.findLast((entry) => producerOf(entry) === producerOf(of));
    if (last === undefined || last.counter === 0 || last === log.at(-1)) return last;
    return this.#windowOf(log.length) - this.#windowOf(last.seq) <= 1 ? last : undefined;
  }

  counter(of: OfProducer): number | undefined {
    return this.last(of)?.counter ?? (this.#hasForgotten(this.log(of.stream)) ? undefined : 0);
  }

  log(stream: StreamRef): ModelEntry[] {
    const name = streamName(stream);
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, log);
    return log;
  }

  wasRefused(of: OfProducer): boolean {
    return this.#refused.has(producerOf(of));
  }

  #hasForgotten(log: readonly ModelEntry[]): boolean {
    return this.#windowOf(log.length) >= 2;
  }

  #windowOf(seq: number): number {
    return Math.floor(seq / this.#window);
  }

  ack(user: UserId, epoch: Epoch, stream: StreamRef, cursor: Cursor): void {
    const key = `${user} ${streamName(stream)}`;
    if (this.epochs.get(user) === epoch && cursor.seq > (this.cursors.get(key)?.seq ?? 0))
      this.cursors.set(key, cursor);
  }
}

const producerOf = (of: OfProducer): string => `${streamName(of.stream)} ${of.sender.userId} ${of.producer}`;

/**
 * Sends. Numbers are taken modulo the number of things to choose from. `counter`: relative to the last stored
 * one; 'first': 1; null: a keyed send. `same`: with the content of the entry that has the counter, if there
 * is one.
 */
const sends = fc.array(
  fc.record({
    stream: fc.nat(),
    sender: fc.nat(),
    producer: fc.nat({ max: 1 }),
    counter: fc.option(fc.constantFrom(1, 1, 1, 1, 0, -1, -3, 2, 'first' as const)),
    same: fc.constantFrom(true, true, false),
    again: fc.boolean(),
    silent: fc.constantFrom(false, false, true),
    isEvent: fc.constantFrom(false, false, true),
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
type Sent = (Step & { kind: 'send' })['sends'][number];

/** Limits of the compared stores: streams forget soon. */
export const MODEL_LIMITS: StreamLimits = { ...RETENTION, producerEntries: 5 };

type Copies = 'together' | 'apart';

/**
 * Holds an adapter to the model.
 * @param open a store with `MODEL_LIMITS`, or where copies are made apart with the usual ones: a producer that one inbox has
 *   forgotten may begin there anew, and the other one still knows its copies. What the store holds already does not matter
 * @param reopen the same data as a new process finds it, when that is to be part of the runs
 */
export async function checkAgainstModel(
  open: Store,
  options: {
    readonly runs: number;
    readonly reopen?: () => Promise<Store>;
    /** `apart`: a copy follows its message in a call of its own, so sends are made one by one. */
    readonly copies?: Copies;
  },
): Promise<Store> {
  let store = open;
  let run = 0;
  const tag = Date.now().toString(36);
  await store.feed.record({ revision: Date.now(), kinds: ['messages'] });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const trial = await Trial.start(store, `${tag}-${String(run++)}`, options.copies ?? 'together');
      for (const one of steps) {
        if (one.kind === 'reopen') {
          store = (await options.reopen?.()) ?? store;
          trial.reopened(store);
        } else await trial.take(one);
      }
      await trial.checkAll();
    }),
    { numRuns: options.runs, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  );
  return store;
}

/** One run: new users and streams. */
class Trial {
  #store: Store;
  #isReopened = false;
  readonly #model: ModelStreams;
  readonly #copies: Copies;
  readonly #users: readonly NamedUser[];
  readonly #streams: readonly StreamRef[];
  /** Ends of the feed at the start. */
  readonly #feed: FeedPositions;
  /** Key: stream name. Value: what the store has answered about its entries. */
  readonly #told = new Map<string, Pick<Entry, 'prev' | 'storedAt' | 'n'>[]>();

  private constructor(
    store: Store,
    users: readonly NamedUser[],
    group: StreamRef,
    copies: Copies,
    feed: FeedPositions,
  ) {
    this.#feed = feed;
    this.#store = store;
    this.#copies = copies;
    const { producerEntries } = copies === 'apart' ? RETENTION : MODEL_LIMITS;
    this.#model = new ModelStreams(producerEntries);
    this.#users = users;
    const nobody = Number.MAX_SAFE_INTEGER as UserId;
    this.#streams = [...users.map((user) => inboxOf(user.userId)), group, inboxOf(nobody)];
    for (const { userId } of users) this.#model.epochs.set(userId, 0 as Epoch);
  }

  static async start(store: Store, tag: string, copies: Copies): Promise<Trial> {
    const users: NamedUser[] = [];
    for (const who of ['a', 'b']) {
      const parsed = parseUserName(`${who}-${tag}`);
      assert.ok(parsed.ok);
      users.push((await store.accounts.register(parsed.name)).account);
    }
    const [owner, ...others] = users;
    assert.ok(owner);
    const creation = creationOf(newGroupId(), owner, others);
    const trial = new Trial(store, users, creation.stream, copies, await feedEnds(store.feed));
    await trial.#sendAll([[creation, trial.#model.append(creation)]]);
    for (const user of users) await trial.#login(user);
    return trial;
  }

  reopened(store: Store): void {
    this.#store = store;
    this.#isReopened = true;
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
        const log = this.#entries(stream);
        const from = step.from % (log.length + 2);
        const expected = log.filter(({ seq }) => seq >= from).slice(0, step.limit);
        assert.deepEqual(
          (await this.#store.streams.read(stream, from as Seq, step.limit)).map(plain),
          expected.map(plain),
        );
      }
    }
  }

  /** Makes all sends in one turn. Those of a stream are carried out in order. */
  async #send(sends: readonly Sent[]): Promise<void> {
    const items = sends.map((send): [Append, ModelAnswer] => {
      const append = this.#item(send);
      return [append, this.#model.append(append)];
    });
    await this.#sendAll(items);
  }

  async #sendAll(items: readonly (readonly [Append, ModelAnswer])[]): Promise<void> {
    const append = ([item]: readonly [Append, ModelAnswer]): Promise<AppendAnswer> =>
      new Promise((done) => this.#store.streams.append(item, done));
    const answers: AppendAnswer[] = [];
    if (this.#copies === 'apart') for (const item of items) answers.push(await append(item));
    else answers.push(...(await Promise.all(items.map(append))));
    for (const [i, [item, expected]] of items.entries()) {
      const answer = answers[i];
      if (answer?.outcome === 'ok') {
        const { outcome, seq, n, copy } = answer;
        this.#hear(item.stream, answer);
        if (copy !== undefined) this.#hear(inboxOf(item.sender.userId), copy);
        assert.deepEqual(
          { outcome, seq, n, ...(copy === undefined ? {} : { copy: { seq: copy.seq, n: copy.n } }) },
          expected,
        );
      } else {
        // The followers of a group are not part of the model.
        const said = answer?.outcome === 'duplicate' ? { outcome: answer.outcome, seq: answer.seq } : answer;
        assert.deepEqual(said, expected, JSON.stringify(item));
      }
    }
  }

  #hear(stream: StreamRef, { seq, prev, storedAt, n }: Stored): void {
    const told = this.#told.get(streamName(stream)) ?? [];
    this.#told.set(streamName(stream), told);
    told[seq - 1] = { prev, storedAt, n };
  }

  #item({ stream, sender, producer, counter, same, again, silent, isEvent, content }: Sent): Append {
    const to = pick(this.#streams, stream);
    const from = pick(this.#users, sender);
    const id = `${counter === null ? 'keyed' : 'counted'}-producer-${String(producer)}` as ProducerId;
    const of = { stream: to, sender: from, producer: id };
    const log = this.#model.log(to);
    const last = log.findLast((entry) => producerOf(entry) === producerOf(of))?.counter ?? 0;
    const exists = to.kind === 'group' || this.#model.epochs.has(to.user);
    const n =
      counter === null
        ? 0
        : // The recipient that does not exist is always the first: adapters may answer differently for others.
          exists && counter !== 'first'
          ? Math.max(1, last + counter)
          : 1;
    const before = log.findLast((entry) => producerOf(entry) === producerOf(of) && entry.counter === n);
    const text = same && before !== undefined ? before.content : content;
    return {
      ...of,
      counter: n,
      // An adapter may or may not remember refusals across a restart.
      again: again || (this.#isReopened && this.#model.wasRefused(of)),
      rememberMs: 60_000,
      digest: Buffer.from(text).toString('hex').padEnd(22, '_'),
      content: text,
      silent,
      about: isEvent ? messageId(from.userId, id, 1) : undefined,
    };
  }

  /** The entries of a stream as they must be read. */
  #entries(stream: StreamRef): Entry[] {
    const log = this.#model.log(stream);
    const told = this.#told.get(streamName(stream)) ?? [];
    return log.map(({ seq, sender, producer, counter, content }, i) => {
      const before = log[i - 1];
      const prev = (
        before === undefined ? '' : messageId(before.sender.userId, before.producer, before.counter)
      ) as MessageId;
      const of = told[i];
      assert.equal(of?.prev, prev, 'an answer names the entry before');
      return { seq: seq as Seq, prev, storedAt: of.storedAt, sender, producer, counter, content, n: of.n };
    });
  }

  async #ack(step: Step & { kind: 'ack' }): Promise<void> {
    const { userId } = pick(this.#users, step.user);
    // The user's own inbox, or a group.
    const stream = step.stream % 2 === 0 ? inboxOf(userId) : pick(this.#streams, this.#users.length);
    const entry = this.#model.log(stream)[step.seq % (this.#model.log(stream).length + 1)];
    const current = this.#model.epochs.get(userId) ?? 0;
    if (entry === undefined) return;
    const epoch = (step.late ? current - 1 : current) as Epoch;
    const cursor = {
      seq: entry.seq as Seq,
      id: messageId(entry.sender.userId, entry.producer, entry.counter),
    };
    await this.#store.streams.ack([{ user: userId, device: CIM_DEVICE, epoch, stream, cursor }]);
    this.#model.ack(userId, epoch, stream, cursor);
    assert.deepEqual(
      await this.#store.streams.cursor(userId, CIM_DEVICE, stream),
      this.#model.cursors.get(`${userId} ${streamName(stream)}`),
    );
  }

  async #login(user: NamedUser): Promise<void> {
    const instance = 'model-instance-1' as InstanceId;
    const answer = await this.#store.sessions.issue({
      user,
      device: CIM_DEVICE,
      label: '',
      instance,
      policy: 'kick',
      secretHash: '',
    });
    assert.equal(answer.outcome, 'issued');
    assert.ok(answer.epoch > (this.#model.epochs.get(user.userId) ?? 0));
    this.#model.epochs.set(user.userId, answer.epoch);
  }

  async #checkEvents(stream: StreamRef): Promise<void> {
    const log = this.#model.log(stream);
    const events = log.flatMap(({ seq, about }) => (about === undefined ? [] : [{ seq, about }]));
    for (const from of [1, Math.ceil(log.length / 2)])
      assert.deepEqual(
        await this.#store.streams.events(stream, from as Seq),
        events.filter(({ seq }) => seq >= from),
      );
  }

  async #checkShown(stream: StreamRef): Promise<void> {
    const log = this.#model.log(stream);
    const told = this.#told.get(streamName(stream)) ?? [];
    const newest = log.findLast(({ silent }) => silent !== true);
    const { shown, shownSeq, shownAt } = await this.#store.streams.position(stream);
    assert.deepEqual(
      { shown, shownSeq, shownAt },
      {
        shown: newest?.n ?? 0,
        shownSeq: newest?.seq ?? 0,
        shownAt: newest === undefined ? 0 : told[newest.seq - 1]?.storedAt,
      },
    );
  }

  /** Every stored entry is in the feed once, in the order of its stream, and nothing else is. */
  async #checkFeed(): Promise<void> {
    const records = await readFeed(this.#store.feed, this.#feed);
    for (const stream of this.#streams)
      assert.deepEqual(
        records
          .filter((one) => streamName(one.stream) === streamName(stream))
          .map(({ entry }) => plain(entry)),
        this.#entries(stream)
          .filter((entry) => !isCopy(entry))
          .map(plain),
      );
  }

  async checkAll(): Promise<void> {
    await this.#checkFeed();
    for (const stream of this.#streams) {
      const log = this.#entries(stream);
      const last = log.at(-1);
      assert.deepEqual(ends(await this.#store.streams.position(stream)), {
        first: 1,
        top: log.length,
        topId: last === undefined ? '' : messageId(last.sender.userId, last.producer, last.counter),
      });
      await this.#checkShown(stream);
      await this.#checkEvents(stream);
      assert.deepEqual((await this.#store.streams.read(stream, 1 as Seq, 10_000)).map(plain), log.map(plain));
      for (const { userId } of this.#users) {
        const key = `${userId} ${streamName(stream)}`;
        assert.deepEqual(
          await this.#store.streams.cursor(userId, CIM_DEVICE, stream),
          this.#model.cursors.get(key),
        );
        const of = [0, 1].map((n) => ({ stream, producer: `counted-producer-${String(n)}` as ProducerId }));
        assert.deepEqual(
          await this.#store.streams.counters(userId, of),
          of.map((one) => this.#model.counter({ ...one, sender: { userId } })),
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
