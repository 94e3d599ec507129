/**
 * A model of conversations in the plainest form: every list, count and page is found by going through whole
 * logs. A property in `conversations.property.ts` compares an adapter with it.
 */
import {
  contentType,
  groupStream,
  inboxOf,
  LOBBY,
  type GroupId,
  type MessageId,
  type NamedUser,
  type Seq,
  streamName,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { type ConversationRef, conversationName } from './conversation-ref.ts';

/** An entry of a log, as its sender knows it. */
export interface Said {
  readonly seq: number;
  readonly n: number;
  readonly storedAt: number;
  readonly id: MessageId;
  readonly sender: NamedUser;
  /** For a sender's own copy: the recipient of the message. */
  readonly to?: UserId;
  readonly type: string;
  readonly texts: readonly string[];
  readonly ref: string;
}

/** A member of a group, and the entry since which it is one. */
interface ModelMember {
  readonly joined: number;
  readonly joinedN: number;
}

interface ModelGroup {
  readonly id: GroupId;
  readonly owner: UserId;
  /** Key: user. Removed when the user leaves. */
  readonly members: Map<UserId, ModelMember>;
}

/** A conversation as it is listed. */
export interface ModelConversation {
  readonly id: string;
  readonly at: number;
  readonly name: string;
  readonly last: object | undefined;
  readonly unread: number;
  readonly read: number;
  readonly n: number;
  /** The read mark at a server that still remembers the user's newest message in a group after it was trimmed. */
  readonly remembered: number;
}

const countsAsUnread = ({ type, to }: Said): boolean => contentType(type).unread && to === undefined;
const isMessage = ({ type }: Said): boolean => contentType(type).about === undefined;

export class ModelConversations {
  /** Key: stream name. Entries ascending, including trimmed ones. Never removed. */
  readonly #logs = new Map<string, Said[]>();
  /** Key: stream name. Value: the oldest entry that the store keeps. */
  readonly #first = new Map<string, number>();
  /** Key: user. Value: entries of the timeline that were counted before they were trimmed. */
  readonly #counted = new Map<UserId, Said[]>();
  /** Key: user and conversation. Value: read mark. */
  readonly #marks = new Map<string, number>();
  /**
   * Keys of trimmed messages that no longer count, since their user has set a read mark among the unread
   * ones. Key: user and message id.
   */
  readonly #passed = new Set<string>();
  readonly groups: ModelGroup[] = [];

  /** A copy of the model in its present state. */
  copy(): ModelConversations {
    const copy = new ModelConversations();
    for (const [key, log] of this.#logs) copy.#logs.set(key, [...log]);
    for (const [key, first] of this.#first) copy.#first.set(key, first);
    for (const [key, counted] of this.#counted) copy.#counted.set(key, [...counted]);
    for (const [key, mark] of this.#marks) copy.#marks.set(key, mark);
    for (const key of this.#passed) copy.#passed.add(key);
    copy.groups.push(...this.groups.map((group) => ({ ...group, members: new Map(group.members) })));
    return copy;
  }

  log(stream: StreamRef): Said[] {
    const log = this.#logs.get(streamName(stream)) ?? [];
    this.#logs.set(streamName(stream), log);
    return log;
  }

  shown(stream: StreamRef): number {
    return this.log(stream).at(-1)?.n ?? 0;
  }

  /** Adds an entry and answers it. */
  add(stream: StreamRef, said: Omit<Said, 'seq' | 'n'>): Said {
    const log = this.log(stream);
    const one = { ...said, seq: (log.at(-1)?.seq ?? 0) + 1, n: this.shown(stream) };
    log.push(countsAsUnread(one) ? { ...one, n: one.n + 1 } : one);
    return log.at(-1) ?? one;
  }

  /** Notes that the store has trimmed a log up to this entry. */
  trim(stream: StreamRef, first: number): void {
    this.#first.set(streamName(stream), first);
  }

  /** Notes that a user's timeline was counted: entries trimmed later stay counted. */
  count(user: UserId): void {
    const counted = this.#counted.get(user) ?? [];
    this.#counted.set(user, counted);
    const upTo = counted.at(-1)?.seq ?? 0;
    counted.push(...this.#kept(inboxOf(user)).filter(({ seq }) => seq > upTo));
  }

  /** Moves a read mark. Answers whether it moved. */
  mark(user: UserId, of: ConversationRef, n: number): boolean {
    if (of.kind === 'user') this.count(user);
    const before = this.#state(user, of);
    if (before === undefined || n <= before.read) {
      if (of.kind === 'group' && before !== undefined)
        this.#marks.set(`${user} ${conversationName(of)}`, before.read);
      return false;
    }
    this.#marks.set(`${user} ${conversationName(of)}`, n);
    const first = this.#first.get(streamName(streamOf(user, of))) ?? 1;
    const received = this.#countedOf(user, of).filter(({ sender }) => sender.userId !== user);
    if (n < (received.at(-1)?.n ?? 0))
      for (const { seq, id } of received) if (seq < first) this.#passed.add(`${user} ${id}`);
    return true;
  }

  /** All that the user may read of a conversation, oldest first, as history shows it. */
  history(user: UserId, of: ConversationRef): object[] {
    const entries = this.#readable(user, of);
    return entries.filter(isMessage).map((entry) => this.#shownAs(entry, entries, of));
  }

  /** The message with this id, for a user who may change it. */
  find(user: UserId, of: ConversationRef, id: MessageId): object | undefined {
    const own = this.#findIn(user, of, id);
    if (own !== undefined || of.kind === 'group' || !id.startsWith(`${user}:`)) return own;
    return this.#findIn(of.user, { kind: 'user', user }, id);
  }

  /** The user's conversations, newest first. */
  list(user: UserId, names: ReadonlyMap<UserId, string>): ModelConversation[] {
    this.count(user);
    const peers = new Set(
      this.#counted
        .get(user)
        ?.filter(isMessage)
        .map((entry) => peerOf(user, entry)),
    );
    const groups = [LOBBY, ...this.groups.filter(({ members }) => members.has(user)).map(({ id }) => id)];
    const all: ConversationRef[] = [
      ...[...peers].map((peer) => ({ kind: 'user', user: peer }) as const),
      ...groups
        .filter((group) => this.log(groupStream(group)).length > 0)
        .map((group) => ({ kind: 'group', group }) as const),
    ];
    return all
      .map((of) => this.conversation(user, of, names))
      .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
  }

  conversation(user: UserId, of: ConversationRef, names: ReadonlyMap<UserId, string>): ModelConversation {
    if (of.kind === 'user') this.count(user);
    const stream = streamOf(user, of);
    const { unread, read } = this.#state(user, of) ?? { unread: 0, read: 0 };
    const newest = this.#newest(user, of);
    const history = this.history(user, of) as { readonly seq: number; readonly type: string }[];
    return {
      id: conversationName(of),
      at: newest?.storedAt ?? 0,
      name: of.kind === 'user' ? (names.get(of.user) ?? '') : of.group,
      last: history.find(({ seq, type }) => seq === newest?.seq && contentType(type).author === 'users'),
      ...{ unread, read, n: this.shown(stream) },
      remembered: of.kind === 'user' ? read : Math.max(read, this.#ownN(user, this.log(stream))),
    };
  }

  /** The newest message of a conversation; for a group without one, its newest entry. */
  #newest(user: UserId, of: ConversationRef): Said | undefined {
    if (of.kind === 'user') return this.#countedOf(user, of).at(-1);
    const log = this.log(groupStream(of.group)).filter(
      ({ seq }) => seq >= this.#joined(user, of.group).joined,
    );
    return log.findLast(countsAsUnread) ?? log.at(-1);
  }

  /** Undefined: a private conversation without messages. */
  #state(user: UserId, of: ConversationRef): { readonly unread: number; readonly read: number } | undefined {
    const mark = this.#marks.get(`${user} ${conversationName(of)}`) ?? 0;
    if (of.kind === 'group') {
      const stream = groupStream(of.group);
      const own = this.#ownN(user, this.#kept(stream));
      const read = Math.max(mark, this.#joined(user, of.group).joinedN, own);
      return { unread: this.shown(stream) - read, read };
    }
    const messages = this.#countedOf(user, of);
    if (messages.length === 0) return undefined;
    const own = messages.findLast(({ sender }) => sender.userId === user);
    const read = Math.max(mark, own?.n ?? 0);
    const unread = messages.filter(
      (entry) =>
        entry.sender.userId !== user &&
        countsAsUnread(entry) &&
        entry.n > read &&
        !this.#passed.has(`${user} ${entry.id}`),
    );
    return { unread: unread.length, read };
  }

  #ownN(user: UserId, log: readonly Said[]): number {
    return log.findLast((entry) => entry.sender.userId === user && countsAsUnread(entry))?.n ?? 0;
  }

  #countedOf(user: UserId, of: ConversationRef): Said[] {
    const all = this.#counted.get(user) ?? [];
    return of.kind === 'group'
      ? []
      : all.filter((entry) => isMessage(entry) && peerOf(user, entry) === of.user);
  }

  #joined(user: UserId, group: GroupId): ModelMember {
    return (
      this.groups.find(({ id }) => id === group)?.members.get(user) ?? {
        ...{ joined: group === LOBBY ? 0 : Infinity, joinedN: 0 },
      }
    );
  }

  #kept(stream: StreamRef): Said[] {
    const first = this.#first.get(streamName(stream)) ?? 1;
    return this.log(stream).filter(({ seq }) => seq >= first);
  }

  #readable(user: UserId, of: ConversationRef): Said[] {
    const kept = this.#kept(streamOf(user, of));
    if (of.kind === 'user') return kept.filter((entry) => peerOf(user, entry) === of.user);
    return kept.filter(({ seq }) => seq >= this.#joined(user, of.group).joined);
  }

  #findIn(user: UserId, of: ConversationRef, id: MessageId): object | undefined {
    const entries = this.#readable(user, of);
    const found = entries.find((entry) => entry.id === id);
    if (found === undefined || !isMessage(found) || contentType(found.type).author !== 'users')
      return undefined;
    const { recalled } = this.#shownAs(found, entries, of);
    const { sender, storedAt, seq } = found;
    return { sender: sender.userId, storedAt, seq, recalled: recalled === true };
  }

  /** @param entries of the conversation */
  #shownAs(said: Said, entries: readonly Said[], of: ConversationRef): Readonly<Record<string, unknown>> {
    const about = (type: string): Said[] => entries.filter((one) => one.type === type && one.ref === said.id);
    const isOwn = ({ sender }: Said): boolean => sender.userId === said.sender.userId;
    const item = {
      ...{ id: said.id, seq: said.seq as Seq, n: said.n, from: said.sender, type: said.type },
      storedAt: said.storedAt,
      ...(said.ref === '' ? {} : { ref: said.ref }),
    };
    if (about('recall').some((event) => of.kind === 'group' || isOwn(event)))
      return { ...item, texts: [], recalled: true };
    const edit = about('edit').findLast(isOwn);
    const reacted = about('reaction').filter(
      ({ sender, seq, texts }, _, all) =>
        texts.length > 0 && !all.some((later) => later.sender.userId === sender.userId && later.seq > seq),
    );
    const reactions = [...new Set(reacted.map(({ texts }) => texts[0]))].map((reaction) => ({
      reaction,
      users: reacted.filter(({ texts }) => texts[0] === reaction).map(({ sender }) => sender.userId),
    }));
    return {
      ...item,
      texts: edit?.texts ?? said.texts,
      ...(edit === undefined ? {} : { editedAt: edit.storedAt }),
      ...(reactions.length === 0 ? {} : { reactions }),
    };
  }
}

const streamOf = (user: UserId, of: ConversationRef): StreamRef =>
  of.kind === 'user' ? inboxOf(user) : groupStream(of.group);
const peerOf = (user: UserId, { sender, to }: Said): UserId =>
  sender.userId === user ? (to ?? user) : sender.userId;
