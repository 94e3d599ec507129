import {
  type ChangedMessage,
  type ChangingEvent,
  contentType,
  decodeContent,
  groupOf,
  type MessageId,
  type NamedUser,
  ownerOf,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { peerOf } from './conversation-ref.ts';
import type { LogScans } from './log-scans.ts';
import { type Entry, type EventAt, messageIdOf, type Streams } from './streams.ts';

/** Entries between two events that are read too, since another read would cost more. */
const READ_ALONG = 16;
/** Longest range of one read [entries]. */
const RANGE = 256;
/** Ranges that are read at once. Their entries are in memory together. */
const RANGES = 4;
/**
 * On a Cluster the copy of a message is made after the message, so in its sender's timeline an event about it
 * may come first. Events count from this many entries before their message.
 */
const EARLY_EVENTS = 256;

/** A message of a conversation as it is shown now. */
export interface HistoryItem {
  /** The id is the same for every reader. */
  readonly id: MessageId;
  /** Seq in the stream that was read: the user's timeline, or the group's log. */
  readonly seq: Seq;
  readonly n: number;
  readonly from: NamedUser;
  /** The texts of the newest edit; empty after a recall. */
  readonly texts: readonly string[];
  readonly type: string;
  readonly body?: Uint8Array;
  /** Id of the message that it refers to. */
  readonly ref?: MessageId;
  /** When it was stored [ms, the store's clock]. */
  readonly storedAt: number;
  readonly editedAt?: number;
  readonly recalled?: boolean;
  /** Reactions in the order in which the oldest of each was stored. */
  readonly reactions?: readonly { readonly reaction: string; readonly users: readonly UserId[] }[];
}

/** Messages as they are shown now: entries of a stream, with the events about them folded in. */
export class HistoryItems {
  readonly #streams: Pick<Streams, 'events'>;
  readonly #scans: LogScans;

  constructor(streams: Pick<Streams, 'events'>, scans: LogScans) {
    this.#streams = streams;
    this.#scans = scans;
  }

  /**
   * One item for each entry. The newest event of a kind counts, and a recall hides everything for good. An
   * edit counts when the sender of the message made it; so does a recall in a private conversation.
   * @param entries of one stream, ascending, without events
   */
  async of(stream: StreamRef, entries: readonly Entry[]): Promise<HistoryItem[]> {
    const [oldest] = entries;
    if (oldest === undefined) return [];
    const from = Math.max(oldest.seq - (ownerOf(stream) === undefined ? 0 : EARLY_EVENTS), 1) as Seq;
    const messages = new Map(entries.map((entry) => [messageIdOf(entry), entry]));
    const events = (await this.#streams.events(stream, from)).filter(({ about }) => messages.has(about));
    const folded = await this.#fold(stream, events, messages);
    return entries.map((entry) => itemOf(entry, folded.get(messageIdOf(entry))));
  }

  async #fold(
    stream: StreamRef,
    events: readonly EventAt[],
    messages: ReadonlyMap<MessageId, Entry>,
  ): Promise<Map<MessageId, ChangedMessage>> {
    const about = new Map(events.map((event) => [event.seq, event.about]));
    const folded = new Map<MessageId, ChangedMessage>();
    const ranges = rangesOf(events);
    for (let i = 0; i < ranges.length; i += RANGES) {
      const pages = await Promise.all(
        ranges.slice(i, i + RANGES).map(([from, to]) => this.#scans.range(stream, from, to)),
      );
      for (const entry of pages.flat()) {
        const id = about.get(entry.seq);
        const message = id && messages.get(id);
        if (id === undefined || message === undefined || !isOneConversation(stream, entry, message)) continue;
        const of = folded.get(id) ?? { recalled: false, reactions: new Map() };
        folded.set(id, of);
        foldInto(of, entry, { isOwn: isOfOneSender(entry, message), inGroup: groupOf(stream) !== undefined });
      }
    }
    return folded;
  }
}

function foldInto(
  of: ChangedMessage,
  { content, sender, storedAt }: Entry,
  by: Pick<ChangingEvent, 'isOwn' | 'inGroup'>,
): void {
  const decoded = decodeContent(content);
  if (decoded === undefined) return;
  const { type, texts } = decoded;
  contentType(type).about?.change(of, { texts, sender: sender.userId, at: storedAt, ...by });
}

/** Ranges of seqs that contain all of the events. */
function rangesOf(events: readonly EventAt[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const { seq } of events) {
    const last = ranges.at(-1);
    if (last !== undefined && seq - last[1] <= READ_ALONG && seq - last[0] < RANGE) last[1] = seq;
    else ranges.push([seq, seq]);
  }
  return ranges;
}

/** Whether two entries of a timeline belong to the same private conversation. */
const isOneConversation = (stream: StreamRef, a: Entry, b: Entry): boolean => {
  const owner = ownerOf(stream);
  return owner === undefined || peerOf(owner, a) === peerOf(owner, b);
};
const isOfOneSender = (a: Entry, b: Entry): boolean => a.sender.userId === b.sender.userId;

const typeOf = ({ content }: Entry) => contentType(decodeContent(content)?.type ?? '');
export const isEvent = (entry: Entry): boolean => typeOf(entry).about !== undefined;
/** Something that a user said. */
export const isMessage = (entry: Entry): boolean => !isEvent(entry) && typeOf(entry).author === 'users';

function itemOf(entry: Entry, folded: ChangedMessage | undefined): HistoryItem {
  const { seq, n, sender, storedAt } = entry;
  const { texts = [], type = '', body, ref = '' } = decodeContent(entry.content) ?? {};
  const item = { id: messageIdOf(entry), seq, n, from: sender, type, storedAt };
  const reference = ref === '' ? {} : { ref: ref as MessageId };
  if (folded?.recalled === true) return { ...item, ...reference, texts: [], recalled: true };
  return {
    ...item,
    ...reference,
    texts: folded?.edit?.texts ?? texts,
    ...(body === undefined || body.length === 0 ? {} : { body }),
    ...(folded?.edit === undefined ? {} : { editedAt: folded.edit.at }),
    ...(folded === undefined || folded.reactions.size === 0 ? {} : { reactions: gathered(folded.reactions) }),
  };
}

function gathered(reactions: ReadonlyMap<UserId, string>) {
  const users = new Map<string, UserId[]>();
  for (const [user, reaction] of reactions) {
    const of = users.get(reaction);
    if (of === undefined) users.set(reaction, [user]);
    else of.push(user);
  }
  return [...users].map(([reaction, of]) => ({ reaction, users: of }));
}
