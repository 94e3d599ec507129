import {
  CimError,
  isSeq,
  LOBBY,
  inboxOf,
  type MessageId,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import { type ConversationRef, conversationName, peerOf, streamOfConversation } from './conversation-ref.ts';
import { type HistoryItem, HistoryItems, isEvent, isMessage } from './history-items.ts';
import { LogScans } from './log-scans.ts';
import type { Groups } from './groups.ts';
import { foreignCursor, pageCursor, positionInCursor } from './page-cursor.ts';
import { type Entry, messageIdOf, type Streams } from './streams.ts';

/** A page ends when its contents have this many bytes. */
const PAGE_BYTES = 128 * 1024;
/** A page ends after this many entries if it has found a message. Otherwise the search goes on. */
const PAGE_SCAN = 4_096;

export interface HistoryPage {
  /** Messages, oldest first. */
  readonly items: readonly HistoryItem[];
  /** Cursor of the page before this one; undefined when nothing older may be read. */
  readonly before?: string;
  /** Cursor of the page after this one. There always is one, since messages may come. */
  readonly after?: string;
  /** Whether there is more now in the requested direction. */
  readonly more: boolean;
}

export interface HistoryAsk {
  readonly limit: number;
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** The parts of a store that histories use. */
export interface HistoryStore {
  readonly streams: Pick<Streams, 'read' | 'position' | 'events'>;
  readonly groups: Pick<Groups, 'find' | 'member'>;
}

/** The part of a conversation that a user may read: entries of `stream` from `from` on. */
interface Readable {
  readonly stream: StreamRef;
  readonly from: number;
}

/**
 * The history of conversations. Of a private conversation it is the user's own timeline, with both sides. Of
 * a group it is the log from the user's join on. Entries never change, so pages by seq have no gaps and no
 * overlaps while messages arrive. Events (recall, edit, reaction) are folded into their messages, and not
 * listed.
 */
export class Histories {
  readonly #streams: HistoryStore['streams'];
  readonly #groups: HistoryStore['groups'];
  readonly #scans: LogScans;
  readonly #items: HistoryItems;

  constructor({ streams, groups }: HistoryStore) {
    this.#streams = streams;
    this.#groups = groups;
    this.#scans = new LogScans(streams);
    this.#items = new HistoryItems(streams, this.#scans);
  }

  /**
   * A page of a conversation: the newest messages, or those before or after a cursor. It may hold fewer than
   * `limit`. It is empty only when there is no further message. Throws `notMember`, `unknownGroup`,
   * `foreignCursor`.
   */
  async page(user: UserId, of: ConversationRef, ask: HistoryAsk): Promise<HistoryPage> {
    if (ask.before !== undefined && ask.after !== undefined)
      throw new CimError('invalid', 'A page is before or after a cursor; give one of the two');
    const list = `${streamName(streamOfConversation(user, of))} ${conversationName(of)}`;
    const [before, after] = [seqOf(list, ask.before), seqOf(list, ask.after)];
    const [{ stream, from }, { first, top }] = await Promise.all([
      this.#readable(user, of),
      this.#streams.position(streamOfConversation(user, of)),
    ]);
    const begin = Math.max(first, from);
    // The store may have gone back below the cursor.
    const low = Math.max(Math.min(after ?? 0, top) + 1, begin);
    const high = Math.min((before ?? Infinity) - 1, top);
    const draft = new PageDraft(ask.limit, belongsTo(user, of));
    if (after !== undefined) await this.#scans.ahead(stream, low, (page) => draft.addAll(page));
    else
      await this.#scans.scan(stream, high, (page, below) =>
        draft.addAll(page.filter(({ seq }) => seq >= low).reverse()) && below >= low ? below : 0,
      );
    const [oldest, newest] =
      after === undefined
        ? [draft.stoppedAt ?? low, Math.max(high, from - 1)]
        : [low, draft.stoppedAt ?? Math.max(top, draft.last, low - 1)];
    const cursor = (seq: number): string => pageCursor(list, String(seq));
    return {
      items: await this.#items.of(stream, draft.entries),
      ...(oldest > begin ? { before: cursor(oldest) } : {}),
      after: cursor(newest),
      more: after === undefined ? oldest > begin : draft.stoppedAt !== undefined && newest < top,
    };
  }

  /**
   * A message of the conversation by its id; undefined when the conversation does not hold it, or no longer.
   * Events and changes of members are not messages. A message of the user whose copy was left out of the
   * timeline is found in the recipient's. Throws `notMember`, `unknownGroup`.
   */
  async find(
    user: UserId,
    of: ConversationRef,
    id: MessageId,
  ): Promise<
    | {
        readonly sender: UserId;
        readonly storedAt: number;
        readonly seq: Seq;
        readonly recalled: boolean;
      }
    | undefined
  > {
    const { stream, from } = await this.#readable(user, of);
    const found = await this.#findIn(stream, from, belongsTo(user, of), id);
    if (found !== undefined || of.kind === 'group' || of.user === user || !id.startsWith(`${user}:`))
      return found;
    return this.#findIn(inboxOf(of.user), 1, belongsTo(of.user, { kind: 'user', user }), id);
  }

  async #findIn(stream: StreamRef, from: number, belongs: (entry: Entry) => boolean, id: MessageId) {
    const { top } = await this.#streams.position(stream);
    const isIt = (entry: Entry): boolean => messageIdOf(entry) === id && belongs(entry);
    const entry = await this.#scans.newest(stream, top, isIt, top - from + 1);
    if (entry === undefined || entry.seq < from || !isMessage(entry)) return undefined;
    const [item] = await this.#items.of(stream, [entry]);
    if (item === undefined) return undefined;
    const { seq, storedAt, recalled = false } = item;
    return { sender: item.from.userId, storedAt, seq, recalled };
  }

  async #readable(user: UserId, of: ConversationRef): Promise<Readable> {
    const stream = streamOfConversation(user, of);
    if (of.kind === 'user' || of.group === LOBBY) return { stream, from: 1 };
    const member = await this.#groups.member(of.group, user);
    if (member !== undefined) return { stream, from: member.joined };
    throw new CimError((await this.#groups.find(of.group)) === undefined ? 'unknownGroup' : 'notMember');
  }
}

/** Collects the entries of a scan until the page is full. */
class PageDraft {
  readonly #limit: number;
  readonly #belongs: (entry: Entry) => boolean;
  readonly #found: Entry[] = [];
  #bytes = 0;
  #scanned = 0;
  /** Seq of the last examined entry; 0 before the first. */
  last = 0;
  /**
   * The seq at which the page ended because of its own limits; undefined when the scan came to the end of the
   * log.
   */
  stoppedAt: number | undefined;

  constructor(limit: number, belongs: (entry: Entry) => boolean) {
    this.#limit = limit;
    this.#belongs = belongs;
  }

  /** The collected entries, ascending. */
  get entries(): readonly Entry[] {
    return this.#found.sort((a, b) => a.seq - b.seq);
  }

  /** Adds a page of the scan, in its direction. Answers whether the page takes more. */
  addAll(page: readonly Entry[]): boolean {
    for (const entry of page) {
      this.last = entry.seq;
      this.#scanned++;
      if (this.#belongs(entry) && !isEvent(entry)) {
        this.#found.push(entry);
        this.#bytes += entry.content.length;
      }
      if (this.#isFull()) {
        this.stoppedAt = entry.seq;
        return false;
      }
    }
    return true;
  }

  #isFull(): boolean {
    const found = this.#found.length;
    return found >= this.#limit || this.#bytes >= PAGE_BYTES || (found > 0 && this.#scanned >= PAGE_SCAN);
  }
}

/** Whether an entry of the stream is part of the conversation. */
const belongsTo =
  (user: UserId, of: ConversationRef): ((entry: Entry) => boolean) =>
  (entry) =>
    of.kind === 'group' || peerOf(user, entry) === of.user;

function seqOf(list: string, cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const seq = Number(positionInCursor(list, cursor));
  if (!isSeq(seq)) throw foreignCursor();
  return seq;
}
