import { CimError, contentFacts, inboxOf, type MessageId, type Seq, type UserId } from '@cim/protocol';
import type { ConversationRow, ConversationRows } from './conversation-rows.ts';
import { peerOf } from './conversation-ref.ts';
import type { ReadState } from './group-conversations.ts';
import type { LogScans } from './log-scans.ts';
import { type Cursor, type Entry, entryId, type Position, type Streams } from './streams.ts';

/** Tries of a change while others change the same rows. */
const TRIES = 10;

type Row = { -readonly [Field in keyof ConversationRow]: ConversationRow[Field] };

/** A user's private conversations as the timeline has them now. */
export interface PrivateConversations {
  /** Key: peer. */
  readonly rows: ReadonlyMap<UserId, ConversationRow>;
  readonly position: Position;
}

/** Complete rows, and the revision that a change of them is saved against. */
interface Complete extends PrivateConversations {
  readonly revision: number;
  readonly folded: Cursor;
}

/**
 * The private conversations of users: a fold over the user's timeline, stored as rows. Each question
 * completes the fold from the log, at the cost of one read for each 256 new entries, and saves it. An entry
 * that was trimmed before it was folded is missing in the counts; a read mark corrects that. The rows name
 * the entry up to which they are folded. When the log has another entry there, or ends before it, the store
 * went back: the rows are made again from the log.
 */
export class PrivateFolds {
  readonly #streams: Pick<Streams, 'position'>;
  readonly #scans: LogScans;
  readonly #rows: ConversationRows;

  constructor(streams: Pick<Streams, 'position'>, scans: LogScans, rows: ConversationRows) {
    this.#streams = streams;
    this.#scans = scans;
    this.#rows = rows;
  }

  current(user: UserId): Promise<PrivateConversations> {
    return this.#complete(user);
  }

  /**
   * Moves the read mark of a conversation, never back. Undefined: there is no such conversation. Throws
   * `beyondEnd` for a mark above the end of the timeline.
   */
  async read(
    user: UserId,
    peer: UserId,
    n: number,
  ): Promise<(ReadState & { readonly moved: boolean }) | undefined> {
    for (let i = 0; i < TRIES; i++) {
      const { rows, revision, folded, position } = await this.#complete(user);
      if (n > position.shown) throw new CimError('beyondEnd');
      const row = rows.get(peer);
      if (row === undefined) return undefined;
      if (n <= row.read) return { unread: row.unread, read: row.read, moved: false };
      // For a mark among unread messages the rest is counted from the log, without trimmed ones.
      const left = n >= row.lastN ? 0 : await this.#countAbove(user, peer, n, folded.seq);
      const unread = Math.min(row.unread, left);
      if (await this.#rows.save(user, revision, folded, [{ ...row, read: n, unread }]))
        return { unread, read: n, moved: true };
    }
    throw new CimError('failure', 'The read mark was changed by others at the same time; try again');
  }

  async #complete(user: UserId): Promise<Complete> {
    // The rows are loaded before the position is read. Otherwise rows saved in between would look as if the
    // log had gone back.
    const saved = await this.#rows.load(user);
    const position = await this.#streams.position(inboxOf(user));
    const { folded, revision } = saved;
    if (folded.seq === position.top && folded.id === position.topId)
      return { rows: new Map(saved.rows.map((row) => [row.peer, row])), folded, revision, position };
    const isBack = folded.seq > position.top || (folded.seq === position.top && folded.id !== position.topId);
    let fold = new Fold(user, saved.rows, folded);
    if (!isBack) await this.#foldTo(position, fold, folded.seq + 1);
    if (isBack || fold.isBroken) {
      fold = new Fold(user, uncounted(saved.rows, position), NOTHING);
      await this.#foldTo(position, fold, position.first);
    }
    const end = { seq: position.top, id: position.topId };
    const isSaved = await this.#rows.save(user, revision, end, [...fold.changed]);
    return { rows: fold.rows, folded: end, revision: isSaved ? revision + 1 : revision, position };
  }

  /** Adds the entries from `from` to the position, so that the rows belong to one moment. */
  async #foldTo({ top }: Position, fold: Fold, from: number): Promise<void> {
    await this.#scans.ahead(inboxOf(fold.user), from, (page) => {
      for (const entry of page) if (entry.seq <= top) fold.add(entry);
      return !fold.isBroken && (page.at(-1)?.seq ?? top) < top;
    });
  }

  /** Number of unread messages of a peer above a mark, in the entries that the log keeps. */
  async #countAbove(user: UserId, peer: UserId, mark: number, upTo: Seq): Promise<number> {
    let count = 0;
    await this.#scans.scan(inboxOf(user), upTo, (page, below) => {
      for (const entry of page) if (entry.n > mark && isUnreadFrom(user, peer, entry)) count++;
      return (page[0]?.n ?? 0) > mark ? below : 0;
    });
    return count;
  }
}

/** Rows to fold the whole log into. They keep the read marks, and last messages that were trimmed. */
const uncounted = (rows: readonly ConversationRow[], { first, shown }: Position): ConversationRow[] =>
  rows.map((row) => ({
    ...row,
    ...(row.lastSeq < first ? {} : { lastSeq: 0 as Seq, lastAt: 0, lastN: 0 }),
    unread: 0,
    read: Math.min(row.read, shown),
  }));

const NOTHING: Cursor = { seq: 0 as Seq, id: '' as MessageId };

/** Rows while entries are added, ascending by seq. */
class Fold {
  readonly user: UserId;
  readonly rows: Map<UserId, Row>;
  /** Rows to save. */
  readonly changed = new Set<Row>();
  /** Whether an entry does not follow the one before it: the log went back and has grown again. */
  isBroken = false;
  #end: Cursor;

  /** @param end the last entry that is in the rows. Rows that were made again are all to be saved */
  constructor(user: UserId, rows: readonly ConversationRow[], end: Cursor) {
    this.user = user;
    this.rows = new Map(rows.map((row) => [row.peer, { ...row }]));
    this.#end = end;
    if (end === NOTHING) for (const row of this.rows.values()) this.changed.add(row);
  }

  add(entry: Entry): void {
    if (entry.seq === this.#end.seq + 1 && entry.prev !== this.#end.id) this.isBroken = true;
    this.#end = { seq: entry.seq, id: entryId(entry) };
    if (contentFacts(entry.content).event) return;
    const peer = peerOf(this.user, entry);
    const row = this.rows.get(peer) ?? emptyRow(peer);
    this.rows.set(peer, row);
    this.changed.add(row);
    row.lastSeq = entry.seq;
    row.lastAt = entry.storedAt;
    if (entry.sender.userId === this.user) {
      // A user who answers has read everything before the answer.
      row.read = Math.max(row.read, entry.n);
      row.unread = 0;
      return;
    }
    row.peerName = entry.sender.userName;
    row.lastN = entry.n;
    if (entry.n > row.read && contentFacts(entry.content).unread) row.unread++;
  }
}

const emptyRow = (peer: UserId): Row => ({
  peer,
  peerName: '',
  lastSeq: 0 as Seq,
  lastAt: 0,
  lastN: 0,
  unread: 0,
  read: 0,
});

const isUnreadFrom = (user: UserId, peer: UserId, { sender, content }: Entry): boolean =>
  sender.userId === peer && peer !== user && contentFacts(content).unread;
