/** Finds a message by its id alone. The id names the sender but not the conversation. */
import {
  CimError,
  copyOf,
  type GroupId,
  groupStream,
  inboxOf,
  isProducerId,
  isUserId,
  LOBBY,
  type MessageId,
  messageId,
  type ProducerId,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import {
  type ConversationRef,
  conversationName,
  conversationOf,
  type Entry,
  entryId,
  LogScans,
  messageIdOf,
  type Store,
  streamToAppend,
} from '@cim/store';

/** Most logs that are read in search of a message when the store's counters do not tell. */
const LOGS_READ = 50;
/**
 * Longest time between storing a message and its copy [ms]. They are stored in one step, or on two servers
 * shortly after each other.
 */
const APART_MS = 3_600_000;

export interface MessageName {
  readonly id: MessageId;
  readonly sender: UserId;
  readonly producer: ProducerId;
  readonly counter: number;
}

/** Parses the id of a message. @throws {CimError} 3000 */
export function parseMessageId(text: string): MessageName {
  const [, user = '', named = '', count = ''] = /^(\d{1,16}):([^:]+):(\d{1,16})$/.exec(text) ?? [];
  const [sender, counter] = [Number(user), Number(count)];
  const { producer } = copyOf(named as ProducerId);
  if (!isUserId(sender) || !isProducerId(producer) || !Number.isSafeInteger(counter))
    throw new CimError(
      'invalid',
      'a message id is <sender>:<producer>:<counter>, as an answer to a send has it',
    );
  return { id: messageId(sender, producer, counter), sender, producer, counter };
}

export interface FoundMessage {
  /** The conversation as its sender names it. */
  readonly of: ConversationRef;
  readonly stream: StreamRef;
  /** Undefined: the log no longer holds the message. */
  readonly entry: Entry | undefined;
  /** For a private message: the copy in the sender's timeline. */
  readonly copy: Entry | undefined;
}

type Parts = Pick<Store, 'accounts' | 'streams' | 'groups' | 'conversations'>;

export class MessageFinder {
  readonly #store: Parts;
  readonly #scans: LogScans;

  constructor(store: Parts) {
    this.#store = store;
    this.#scans = new LogScans(store.streams);
  }

  /**
   * Finds the message.
   * @param hint the conversation, as the sender names it
   * @throws {CimError} 9401 with what was searched; 3000 when messages in several conversations have this id
   */
  async find(name: MessageName, hint: ConversationRef | undefined): Promise<FoundMessage> {
    if ((await this.#store.accounts.byId(name.sender)) === undefined)
      throw new CimError('unknownMessage', `there is no user ${name.sender}, whose message this would be`);
    const copies = await this.#copies(name);
    if (hint !== undefined) return this.#one(name, hint, copies);
    const others = await this.#others(name, copies);
    const held = [...copies.keys()].map((user): ConversationRef => ({ kind: 'user', user }));
    held.push(...others.held);
    let unread = 0;
    if (held.length === 0) {
      for (const of of others.open.slice(0, LOGS_READ))
        if ((await this.#entry(name, of, undefined)) !== undefined) held.push(of);
      unread = Math.max(others.open.length - LOGS_READ, 0);
    }
    const [only] = held;
    if (held.length > 1)
      throw new CimError(
        'invalid',
        `${held.length} messages have this id, one each in ${held.map(conversationName).join(', ')}; name the conversation`,
      );
    if (only !== undefined) return this.#one(name, only, copies);
    throw new CimError(
      'unknownMessage',
      unread === 0
        ? 'no log that its sender writes to holds this message: it was never stored, or it was trimmed'
        : `not found in the logs that were read; ${unread} further ones of this sender were not: name the conversation`,
    );
  }

  /** Key: recipient. The copies in the sender's timeline, and the sender's messages to itself. */
  async #copies({ id, sender }: MessageName): Promise<Map<UserId, Entry>> {
    const copies = new Map<UserId, Entry>();
    const timeline = inboxOf(sender);
    const { top } = await this.#store.streams.position(timeline);
    await this.#scans.scan(timeline, top, (page, below) => {
      for (const entry of page)
        if (messageIdOf(entry) === id) copies.set(copyOf(entry.producer).to ?? sender, entry);
      return below;
    });
    return copies;
  }

  /**
   * Other conversations of the sender: `held` according to the store's counters, `open` where these do not
   * tell.
   */
  async #others(
    { sender, producer, counter }: MessageName,
    copies: ReadonlyMap<UserId, Entry>,
  ): Promise<{ readonly held: ConversationRef[]; readonly open: ConversationRef[] }> {
    const { groups, conversations, streams } = this.#store;
    const [own, stays, { rows }] = await Promise.all([
      groups.groupsOf(sender),
      groups.stays(sender),
      conversations.load(sender),
    ]);
    const written = new Set<GroupId>([LOBBY, ...own, ...stays.map(({ group }) => group)]);
    const refs = [...written].map((group) => conversationOf(groupStream(group)));
    for (const { peer } of rows)
      if (!copies.has(peer) && peer !== sender) refs.push({ kind: 'user', user: peer });
    const counters = await streams.counters(
      sender,
      refs.map((of) => ({ stream: streamToAppend(of), producer })),
    );
    // A send over HTTP has no counter.
    const isOpen = (last: number | undefined): boolean => counter === 0 || last === undefined;
    return {
      held: refs.filter((_, i) => !isOpen(counters[i]) && (counters[i] ?? 0) >= counter),
      open: refs.filter((_, i) => isOpen(counters[i])),
    };
  }

  async #one(
    name: MessageName,
    of: ConversationRef,
    copies: ReadonlyMap<UserId, Entry>,
  ): Promise<FoundMessage> {
    const copy = of.kind === 'user' ? copies.get(of.user) : undefined;
    const entry = await this.#entry(name, of, copy);
    const stream = streamToAppend(of);
    if (entry !== undefined || copy !== undefined) return { of, stream, entry, copy };
    const [last] = await this.#store.streams.counters(name.sender, [{ stream, producer: name.producer }]);
    const wasHeld = name.counter > 0 && (last ?? 0) >= name.counter;
    throw new CimError(
      'unknownMessage',
      wasHeld
        ? `the message was stored in ${conversationName(of)}, whose log holds it no longer: it was trimmed`
        : `the log of ${conversationName(of)} does not hold this message: it was never stored there, or it was trimmed`,
    );
  }

  async #entry(name: MessageName, of: ConversationRef, copy: Entry | undefined): Promise<Entry | undefined> {
    const stream = streamToAppend(of);
    const { top } = await this.#store.streams.position(stream);
    let found: Entry | undefined;
    await this.#scans.scan(stream, top, (page, below) => {
      found = page.find((entry) => entryId(entry) === name.id);
      const isOlder = copy !== undefined && (page[0]?.storedAt ?? 0) < copy.storedAt - APART_MS;
      // Otherwise the log is read to its end: after a partial reading the answer "no longer in the log" would
      // be wrong.
      return found !== undefined || isOlder ? 0 : below;
    });
    return found;
  }
}
