import {
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

/** Entries between two events that are read along, since a further read costs more than they do. */
const READ_ALONG = 16;
/** Longest range that is read at a time [entries]. */
const RANGE = 256;
/** Ranges that are read at a time. Their entries are in memory together. */
const RANGES = 4;
/**
 * On a Cluster the copy of a message is made after the message, so that in its sender's timeline a quick event about it
 * may come first. Events count from so many entries before a message.
 */
const EARLY_EVENTS = 256;

/** A message of a conversation as it is shown now. */
export interface HistoryItem {
  /** The same for everybody. */
  readonly id: MessageId;
  /** In the stream that was read: the user's timeline, or the group's log. */
  readonly seq: Seq;
  readonly n: number;
  readonly from: NamedUser;
  /** Of the newest edit; empty once recalled. */
  readonly texts: readonly string[];
  readonly type: string;
  readonly body?: Uint8Array;
  /** The message that it refers to. */
  readonly ref?: MessageId;
  /** ms, the store's clock. */
  readonly storedAt: number;
  readonly editedAt?: number;
  readonly recalled?: boolean;
  /** In the order in which they were stored, by the oldest of each. */
  readonly reactions?: readonly { readonly reaction: string; readonly users: readonly UserId[] }[];
}

/** What events make of one message. The newest event of a kind counts; a recall hides everything for good. */
interface Folded {
  recalled: boolean;
  edit?: { readonly texts: readonly string[]; readonly at: number };
  /** Key: the user who reacted. In the order in which the reactions that count were stored. */
  readonly reactions: Map<UserId, string>;
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
   * One item for each entry. The newest event of a kind counts, and a recall hides everything for good. An edit counts
   * when the sender of the message made it; so does a recall in a private conversation.
   * @param entries of one stream, ascending, none of them an event
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
  ): Promise<Map<MessageId, Folded>> {
    const about = new Map(events.map((event) => [event.seq, event.about]));
    const folded = new Map<MessageId, Folded>();
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
  of: Folded,
  entry: Entry,
  by: { readonly isOwn: boolean; readonly inGroup: boolean },
): void {
  const content = decodeContent(entry.content);
  switch (content?.type) {
    case 'recall':
      // In a group the send was checked: it was the sender's own message, or an admin's recall.
      if (by.isOwn || by.inGroup) of.recalled = true;
      return;
    case 'edit':
      if (by.isOwn) of.edit = { texts: content.texts, at: entry.storedAt };
      return;
    case 'reaction': {
      const [reaction = ''] = content.texts;
      of.reactions.delete(entry.sender.userId);
      if (reaction !== '') of.reactions.set(entry.sender.userId, reaction);
    }
  }
}

/** Ranges of seqs that hold all of the events. */
function rangesOf(events: readonly EventAt[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const { seq } of events) {
    const last = ranges.at(-1);
    if (last !== undefined && seq - last[1] <= READ_ALONG && seq - last[0] < RANGE) last[1] = seq;
    else ranges.push([seq, seq]);
  }
  return ranges;
}

/** Of entries of a timeline: whether they are part of one private conversation. */
const isOneConversation = (stream: StreamRef, a: Entry, b: Entry): boolean => {
  const owner = ownerOf(stream);
  return owner === undefined || peerOf(owner, a) === peerOf(owner, b);
};
const isOfOneSender = (a: Entry, b: Entry): boolean => a.sender.userId === b.sender.userId;

const typeOf = ({ content }: Entry) => contentType(decodeContent(content)?.type ?? '');
export const isEvent = (entry: Entry): boolean => typeOf(entry).event;
/** Something that a user said. */
export const isMessage = (entry: Entry): boolean => !isEvent(entry) && typeOf(entry).author === 'users';

function itemOf(entry: Entry, folded: Folded | undefined): HistoryItem {
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
