/**
 * A property that compares an adapter, under `Histories` and `Conversations`, with the model in
 * `conversations.model.ts`. Random people send, refer to messages, join, leave, read and are away, while logs
 * are trimmed and the store goes back.
 */
import assert from 'node:assert/strict';
import {
  cim,
  CIM_DEVICE,
  contentFacts,
  contentType,
  decodeContent,
  DEFAULT_DEVICE,
  type Epoch,
  groupStream,
  type GroupId,
  type InstanceId,
  inboxOf,
  LOBBY,
  type MessageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import fc from 'fast-check';
import { append, newUser, readAll } from '../test/contract-fixture.ts';
import { type ConversationRef, conversationName } from './conversation-ref.ts';
import { type Conversation, Conversations } from './conversations.ts';
import { type ModelConversation, ModelConversations, type Said } from './conversations.model.ts';
import type { GroupOperation } from './groups.ts';
import { Histories, type HistoryPage } from './history.ts';
import type { HistoryItem } from './history-items.ts';
import type { Store } from './store.ts';
import { type AppendAnswer, messageIdOf, RETENTION, type StreamLimits } from './streams.ts';

/** Limits of the compared stores: logs are trimmed soon. */
export const CONVERSATION_LIMITS: StreamLimits = { ...RETENTION, maxEntries: 10, producerEntries: 1_000 };

/** A store that can go back to an earlier state. */
export interface StoreWithPast {
  readonly store: Store;
  /** Copies all data as it is now. Answers the store to go on with. */
  keep(): Promise<Store>;
  /** Replaces all data by the last copy. Answers the store to go on with. */
  goBack(): Promise<Store>;
}

// Steps. Numbers are taken modulo the number of things to choose from.
const step = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      from: fc.nat(),
      to: fc.nat(),
      type: fc.constantFrom('', '', '', 'json', 'card'),
      refers: fc.boolean(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      from: fc.nat(),
      to: fc.nat(),
      type: fc.constantFrom('recall', 'edit', 'reaction', 'reaction'),
      message: fc.nat(),
      text: fc.constantFrom('👍', '🎉', ''),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('create', 'add', 'join', 'leave', 'remove'),
      group: fc.nat(),
      user: fc.nat(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('read' as const), user: fc.nat(), of: fc.nat(), n: fc.nat() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      user: fc.nat(),
      device: fc.nat(),
      seq: fc.option(fc.nat()),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('check' as const),
      user: fc.nat(),
      limit: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('keep', 'goBack', 'goBack', 'restart') }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const DEVICES = [CIM_DEVICE, DEFAULT_DEVICE] as const;
const USERS = 4;

export async function checkConversations(
  past: StoreWithPast,
  options: { readonly runs: number },
): Promise<void> {
  let store = past.store;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 160, size: 'max' }), async (steps) => {
      const trial = await Trial.start(past, store);
      for (const one of steps) await trial.take(one);
      await trial.checkAll();
      store = trial.store;
    }),
    // No shrinking: a further run would find another lobby.
    {
      numRuns: options.runs,
      endOnFailure: true,
      includeErrorInReport: true,
      interruptAfterTimeLimit: 150_000,
      markInterruptAsFailure: true,
    },
  );
}

/** One run: new users, and the lobby as it is. */
class Trial {
  store: Store;
  readonly #past: StoreWithPast;
  #model = new ModelConversations();
  /** The model at the time of the copy. */
  #kept: ModelConversations | undefined;
  readonly #users: readonly NamedUser[];
  readonly #names: ReadonlyMap<UserId, string>;
  /** Key: user and device. Value: its epoch. */
  readonly #epochs = new Map<string, Epoch>();
  #histories: Histories;
  #conversations: Conversations;
  #sends = 0;

  private constructor(past: StoreWithPast, store: Store, users: readonly NamedUser[]) {
    this.#past = past;
    this.store = store;
    this.#users = users;
    this.#names = new Map(users.map(({ userId, userName }) => [userId, userName]));
    this.#histories = new Histories(store);
    this.#conversations = new Conversations(store);
  }

  static async start(past: StoreWithPast, store: Store): Promise<Trial> {
    const users = await Promise.all(Array.from({ length: USERS }, () => newUser(store)));
    const trial = new Trial(past, store, users);
    const instance = 'model-instance-1' as InstanceId;
    for (const user of users)
      for (const device of DEVICES) {
        const request = { user, device, label: '', instance, policy: 'devices', secretHash: '' } as const;
        const answer = await store.sessions.issue(request);
        assert.equal(answer.outcome, 'issued');
        trial.#epochs.set(`${user.userId} ${device}`, answer.epoch);
      }
    const lobby = groupStream(LOBBY);
    for (const entry of await readAll(store, lobby)) {
      const { texts = [], type = '', ref = '' } = decodeContent(entry.content) ?? {};
      const { seq, n, storedAt, sender } = entry;
      trial.#model.log(lobby).push({ seq, n, storedAt, id: messageIdOf(entry), sender, type, texts, ref });
    }
    return trial;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'say': {
        const from = pick(this.#users, step.from);
        const of = pick(this.#all(from.userId), step.to);
        const said = this.#messages(from.userId, of);
        const ref = step.refers && said.length > 0 ? pick(said, step.to).id : '';
        const body = step.type === '' ? {} : { body: Buffer.from('{}') };
        await this.#send(from, of, { type: step.type, texts: [`text ${this.#sends}`], ref, ...body });
        return;
      }
      case 'event':
        return this.#event(step);
      case 'read':
        return this.#read(step);
      case 'ack':
        return this.#ack(step);
      case 'check':
        return this.#check(pick(this.#users, step.user), step.limit);
      case 'keep':
        this.#opened(await this.#past.keep());
        this.#kept = this.#model.copy();
        return;
      case 'goBack':
        if (this.#kept === undefined) return;
        this.#opened(await this.#past.goBack());
        this.#model = this.#kept.copy();
        return;
      case 'restart':
        this.#histories = new Histories(this.store);
        this.#conversations = new Conversations(this.store);
        return;
      default:
        return this.#change(step);
    }
  }

  async checkAll(): Promise<void> {
    for (const user of this.#users) await this.#check(user, 5);
  }

  #opened(store: Store): void {
    if (store === this.store) return;
    this.store = store;
    this.#histories = new Histories(store);
    this.#conversations = new Conversations(store);
  }

  /** All conversations that a user may write to. */
  #all(user: UserId): ConversationRef[] {
    const groups = this.#model.groups.filter(({ members }) => members.has(user)).map(({ id }) => id);
    return [
      ...this.#users.map(({ userId }) => ({ kind: 'user', user: userId }) as const),
      ...[LOBBY, ...groups].map((group) => ({ kind: 'group', group }) as const),
    ];
  }

  #messages(user: UserId, of: ConversationRef): HistoryItem[] {
    return (this.#model.history(user, of) as HistoryItem[]).filter(
      ({ type }) => contentType(type).author === 'users',
    );
  }

  async #event({ from, to, type, message, text }: Step & { readonly kind: 'event' }): Promise<void> {
    const actor = pick(this.#users, from);
    const of = pick(this.#all(actor.userId), to);
    const said = this.#messages(actor.userId, of);
    if (said.length === 0) return;
    const { id, from: sender } = pick(said, message);
    const owner = this.#model.groups.find((group) => of.kind === 'group' && group.id === of.group)?.owner;
    // The right to recall in a group is checked before the store is asked. All else is left to the folding.
    if (type === 'recall' && of.kind === 'group' && sender.userId !== actor.userId && owner !== actor.userId)
      return;
    const texts =
      type === 'recall' || (type === 'reaction' && text === '')
        ? []
        : [`${text}${type === 'edit' ? message : ''}`];
    await this.#send(actor, of, { type, ref: id, texts });
  }

  /** Sends to the store and the model. What the store refuses is written to neither. */
  async #send(
    sender: NamedUser,
    of: ConversationRef,
    content: cim.Content.$Properties,
    operation?: GroupOperation,
  ): Promise<Said | undefined> {
    const stream = of.kind === 'user' ? inboxOf(of.user) : groupStream(of.group);
    const bytes = cim.Content.encode(content).finish();
    const facts = contentFacts(bytes);
    const number = String(this.#sends++).padStart(16, '0');
    const answer = await append(this.store, {
      ...{ stream, sender, producer: `${Date.now()}-${number}` as ProducerId, counter: 0, content: bytes },
      digest: number.padEnd(22, '_'),
      ...(facts.unread ? {} : { silent: true }),
      ...(facts.event ? { about: facts.ref as MessageId } : {}),
      ...(operation === undefined ? {} : { operation }),
    });
    // The inbox of the recipient is full.
    if (answer.outcome === 'full') return undefined;
    return this.#stored(stream, sender, content, answer);
  }

  async #stored(
    stream: StreamRef,
    sender: NamedUser,
    { type = '', texts = [], ref = '' }: cim.Content.$Properties,
    answer: AppendAnswer,
  ): Promise<Said> {
    assert.equal(answer.outcome, 'ok', JSON.stringify(answer));
    const [entry] = await this.store.streams.read(stream, answer.seq, 1);
    assert.ok(entry);
    const said = { id: messageIdOf(entry), sender, type: type ?? '', texts: texts ?? [], ref: ref ?? '' };
    const added = this.#model.add(stream, { ...said, storedAt: answer.storedAt });
    assert.deepEqual([answer.seq, answer.n], [added.seq, added.n]);
    if (stream.kind === 'inbox' && stream.user !== sender.userId) {
      const own = inboxOf(sender.userId);
      if (answer.copy === undefined) {
        const { first, top } = await this.store.streams.position(own);
        assert.ok(top - first + 1 >= 2 * CONVERSATION_LIMITS.maxEntries, 'a copy was left out');
      } else {
        const { storedAt, seq, n } = answer.copy;
        const copy = this.#model.add(own, { ...said, to: stream.user, storedAt });
        assert.deepEqual([seq, n], [copy.seq, copy.n]);
      }
    }
    return added;
  }

  async #change({
    kind,
    group,
    user,
  }: {
    readonly kind: string;
    readonly group: number;
    readonly user: number;
  }): Promise<void> {
    const actor = pick(this.#users, user);
    const other = pick(this.#users, user + 1 + (group % (USERS - 1)));
    if (kind === 'create') {
      if (this.#model.groups.length >= 3) return;
      const id = await this.store.groups.newId();
      const users = group % 2 === 0 ? [other] : [];
      const operation = { kind: 'create', name: id, category: '', join: 'open', users } as const;
      const { seq, n } = await this.#changed(actor, id, operation);
      const members = new Map([actor, ...users].map(({ userId }) => [userId, { joined: seq, joinedN: n }]));
      this.#model.groups.push({ id, owner: actor.userId, members });
      return;
    }
    if (this.#model.groups.length === 0) return;
    const { id, owner, members } = pick(this.#model.groups, group);
    const ownerNamed = this.#users.find(({ userId }) => userId === owner) ?? actor;
    const isMember = members.has(actor.userId);
    if ((kind === 'add' || kind === 'join') && !isMember) {
      const { seq, n } =
        kind === 'add'
          ? await this.#changed(ownerNamed, id, { kind, users: [actor] })
          : await this.#changed(actor, id, { kind });
      members.set(actor.userId, { joined: seq, joinedN: n });
    }
    if ((kind === 'leave' || kind === 'remove') && isMember && actor.userId !== owner) {
      if (kind === 'remove') await this.#changed(ownerNamed, id, { kind, user: actor.userId });
      else await this.#changed(actor, id, { kind });
      members.delete(actor.userId);
      await assert.rejects(this.#histories.page(actor.userId, { kind: 'group', group: id }, { limit: 1 }), {
        code: '9201',
      });
    }
  }

  async #changed(actor: NamedUser, id: GroupId, operation: GroupOperation): Promise<Said> {
    const content = { type: 'member', body: Buffer.from(JSON.stringify({ op: operation.kind })) };
    const said = await this.#send(actor, { kind: 'group', group: id }, content, operation);
    assert.ok(said);
    return said;
  }

  async #read({ user, of, n }: Step & { readonly kind: 'read' }): Promise<void> {
    const { userId } = pick(this.#users, user);
    const conversation = pick(this.#all(userId), of);
    const stream = conversation.kind === 'user' ? inboxOf(userId) : groupStream(conversation.group);
    const mark = n % (this.#model.shown(stream) + 2);
    await this.#trimmed();
    const answer = this.#conversations.read(userId, conversation, mark);
    if (mark > this.#model.shown(stream)) {
      await assert.rejects(answer, { code: '9405' });
      if (conversation.kind === 'user') this.#model.count(userId);
      return;
    }
    const { moved, ...state } = await answer;
    const hasMoved = this.#model.mark(userId, conversation, mark);
    const expected = this.#model.conversation(userId, conversation, this.#names);
    assert.deepEqual(state, stateOf(expected, state.read));
    if (expected.remembered === expected.read) assert.equal(moved, hasMoved);
    // A group's read mark keeps what the server still remembered of the user's own messages.
    else if (conversation.kind === 'group') this.#model.mark(userId, conversation, state.read);
  }

  async #ack({ user, device, seq }: Step & { readonly kind: 'ack' }): Promise<void> {
    const { userId } = pick(this.#users, user);
    const of = pick(DEVICES, device);
    const stream = inboxOf(userId);
    const { first, top } = await this.store.streams.position(stream);
    const at = (seq === null ? top : first + (seq % (top - first + 2))) as Seq;
    const [entry] = await this.store.streams.read(stream, at, 1);
    const epoch = this.#epochs.get(`${userId} ${of}`);
    if (entry === undefined || epoch === undefined) return;
    const id = `${entry.sender.userId}:${entry.producer}:${entry.counter}` as MessageId;
    const cursor = { seq: entry.seq, id };
    await this.store.streams.ack([{ user: userId, device: of, epoch, stream, cursor }]);
  }

  /** Tells the model what the store has trimmed. Other tests check whether the store may trim it. */
  async #trimmed(): Promise<void> {
    const groups = this.#model.groups.map(({ id }) => groupStream(id));
    const streams = [...this.#users.map(({ userId }) => inboxOf(userId)), groupStream(LOBBY), ...groups];
    const positions = await this.store.streams.positions(streams);
    for (const [i, stream] of streams.entries()) {
      const { first = 1, top } = positions[i] ?? {};
      assert.equal(top, this.#model.log(stream).at(-1)?.seq ?? 0);
      this.#model.trim(stream, first);
    }
  }

  /**
   * Compares everything that a user sees: the list in pages, each conversation, its history in both
   * directions, and messages by id.
   */
  async #check(user: NamedUser, limit: number): Promise<void> {
    const { userId } = user;
    await this.#trimmed();
    const listed: Conversation[] = [];
    let before: string | undefined;
    do {
      const page = await this.#conversations.list(userId, { limit, before });
      listed.push(...page.items);
      before = page.next;
    } while (before !== undefined);
    const expected = this.#model.list(userId, this.#names);
    assert.deepEqual(
      listed.map(plain),
      expected.map((one, i) => plainModel(one, listed[i]?.read ?? 0)),
    );
    for (const of of this.#all(userId)) await this.#checkOne(userId, of, limit);
  }

  async #checkOne(user: UserId, of: ConversationRef, limit: number): Promise<void> {
    const { peerRead, ...one } = await this.#conversations.one(user, of);
    assert.deepEqual(plain(one), plainModel(this.#model.conversation(user, of, this.#names), one.read));
    if (peerRead !== undefined && of.kind === 'user') {
      const back = { kind: 'user', user } as const;
      assert.equal(peerRead, this.#model.conversation(of.user, back, this.#names).read);
    }
    const items: HistoryItem[] = [];
    let page: HistoryPage = await this.#histories.page(user, of, { limit });
    const end = page.after;
    items.unshift(...page.items);
    while (page.before !== undefined) {
      page = await this.#histories.page(user, of, { limit, before: page.before });
      items.unshift(...page.items);
    }
    const expected = this.#model.history(user, of);
    assert.deepEqual(items.map(plainItem), expected);
    const forwards = [...page.items];
    while (page.after !== end) {
      page = await this.#histories.page(user, of, { limit, after: page.after });
      forwards.push(...page.items);
    }
    assert.deepEqual(forwards.map(plainItem), expected);
    for (const { id } of this.#messages(user, of).slice(0, 3))
      assert.deepEqual(await this.#histories.find(user, of, id), this.#model.find(user, of, id));
  }
}

/** An item without its body, since the model has none. */
function plainItem(item: HistoryItem): object {
  const { body, ...rest } = item;
  assert.equal(body !== undefined, item.type !== '' && item.recalled !== true);
  return { ...rest, from: { userId: item.from.userId, userName: item.from.userName } };
}

function plain({ of, name, last, unread, read, n }: Conversation): object {
  return { id: conversationName(of), name, last: last && plainItem(last), unread, read, n };
}

function plainModel(of: ModelConversation, read: number): object {
  const { id, name, last, n } = of;
  return { id, name, last, ...stateOf(of, read), n };
}

/**
 * The state at a server that remembers the user's own newest message after it was trimmed, or at one that
 * does not.
 */
function stateOf({ unread, read, remembered }: ModelConversation, found: number) {
  return found === remembered ? { unread: unread + read - remembered, read: remembered } : { unread, read };
}

function pick<T>(from: readonly T[], n: number): T {
  const picked = from[n % from.length];
  assert.ok(picked !== undefined);
  return picked;
}
