import { CimError, groupStream, inboxOf, type Seq, type StreamRef, type UserId } from '@cim/protocol';
import type { Accounts } from './accounts.ts';
import type { ConversationRow, ConversationRows } from './conversation-rows.ts';
import { type ConversationRef, conversationName } from './conversation-ref.ts';
import { GroupConversations, type GroupEnd, type ReadState } from './group-conversations.ts';
import type { Groups } from './groups.ts';
import { type HistoryItem, HistoryItems, isMessage } from './history-items.ts';
import { LogScans } from './log-scans.ts';
import { foreignCursor, pageCursor, positionInCursor } from './page-cursor.ts';
import { PrivateFolds } from './private-conversations.ts';
import type { Position, Streams } from './streams.ts';

/** A private conversation or a group, as one user sees it. */
export interface Conversation extends ReadState {
  readonly of: ConversationRef;
  /** Name of the peer, or of the group. */
  readonly name: string;
  /** The newest message; undefined when there is none, or it was trimmed. */
  readonly last?: HistoryItem;
  /** The newest `n` of the user's timeline or of the group: the highest possible read mark. */
  readonly n: number;
  /**
   * The peer's read mark, in numbers of the peer's timeline. Only for a private conversation that was asked
   * for by itself.
   */
  readonly peerRead?: number;
}

export interface ConversationPage {
  /** Conversations, newest first. */
  readonly items: readonly Conversation[];
  /** Cursor of the next page; undefined after the last one. */
  readonly next?: string;
}

/** The parts of a store that conversations use. */
export interface ConversationStore {
  readonly accounts: Pick<Accounts, 'byId'>;
  readonly streams: Pick<Streams, 'read' | 'peek' | 'position' | 'positions' | 'events'>;
  readonly groups: Pick<Groups, 'find' | 'member' | 'memberships' | 'mark' | 'markOf'>;
  readonly conversations: ConversationRows;
}

/** The position of a conversation in a list: newest first, then by name. */
interface Place {
  /** When its newest message was stored [ms, the store's clock]. */
  readonly at: number;
  readonly id: string;
}
type Listed = Place & { readonly of: ConversationRow | GroupEnd };

/**
 * The conversations of users: private ones (`private-conversations.ts`), groups of which they are members,
 * and the lobby (`group-conversations.ts`).
 */
export class Conversations {
  readonly #accounts: ConversationStore['accounts'];
  readonly #scans: LogScans;
  readonly #items: HistoryItems;
  readonly #folds: PrivateFolds;
  readonly #groups: GroupConversations;

  constructor({ accounts, streams, groups, conversations }: ConversationStore) {
    this.#accounts = accounts;
    this.#scans = new LogScans(streams);
    this.#items = new HistoryItems(streams, this.#scans);
    this.#folds = new PrivateFolds(streams, this.#scans, conversations);
    this.#groups = new GroupConversations(streams, groups, this.#scans);
  }

  /**
   * A page of the user's conversations. A conversation that gets a message meanwhile moves to the begin of
   * the list; each of the others is on one page. Throws `foreignCursor`.
   */
  async list(
    user: UserId,
    { limit, before }: { readonly limit: number; readonly before?: string | undefined },
  ): Promise<ConversationPage> {
    const list = `conversations:${user}`;
    const after = before === undefined ? undefined : placeOf(positionInCursor(list, before));
    const [{ rows, position }, groups] = await Promise.all([
      this.#folds.current(user),
      this.#groups.all(user),
    ]);
    const places = await Promise.all(groups.map((end) => this.#placeOf(end)));
    for (const row of rows.values())
      if (row.lastSeq > 0) places.push({ at: row.lastAt, id: idOf(row), of: row });
    const rest = places.filter((place) => after === undefined || inOrder(after, place) < 0).sort(inOrder);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    const isWhole = last === undefined || rest.length === page.length;
    return {
      items: await this.#shown(user, page, position),
      ...(isWhole ? {} : { next: pageCursor(list, `${last.at} ${last.id}`) }),
    };
  }

  /** One conversation. Throws `unknownAccount`, `unknownGroup`, `notMember`. */
  async one(user: UserId, of: ConversationRef): Promise<Conversation> {
    if (of.kind === 'group') return this.#group(user, await this.#groups.one(user, of.group));
    const { rows, position } = await this.#folds.current(user);
    const row = rows.get(of.user);
    if (row === undefined) {
      const { userName } = await this.#account(of.user);
      return { of, name: userName, unread: 0, read: 0, n: position.shown };
    }
    const [last] = await this.#lastOf(user, [row]);
    const conversation = await this.#private(row, position, last);
    if (of.user === user) return conversation;
    const peer = (await this.#folds.current(of.user)).rows.get(user);
    return { ...conversation, peerRead: peer?.read ?? 0 };
  }

  /**
   * Moves the read mark, never back. `moved` says whether it moved. Throws `beyondEnd`, `unknownAccount`,
   * `unknownGroup`, `notMember`.
   */
  async read(user: UserId, of: ConversationRef, n: number): Promise<ReadState & { readonly moved: boolean }> {
    if (of.kind === 'group') return this.#groups.read(user, of.group, n);
    const state = await this.#folds.read(user, of.user, n);
    if (state !== undefined) return state;
    await this.#account(of.user);
    return { unread: 0, read: 0, moved: false };
  }

  /**
   * Folds the new entries of the user's timeline, so that none is trimmed before it is counted. Call it when
   * a timeline has grown by some thousand entries; `list`, `one` and `read` fold by themselves.
   */
  async foldNow(user: UserId): Promise<void> {
    await this.#folds.current(user);
  }

  async #placeOf(end: GroupEnd): Promise<Listed> {
    const id = conversationName({ kind: 'group', group: end.of.group });
    return { at: await this.#groups.newestAt(end), id, of: end };
  }

  /** @param position of the user's timeline */
  async #shown(user: UserId, page: readonly Listed[], position: Position): Promise<Conversation[]> {
    const rows = page.flatMap(({ of }) => ('peer' in of ? [of] : []));
    const last = new Map((await this.#lastOf(user, rows)).map((item) => [item.seq, item]));
    return Promise.all(
      page.map(({ of }) =>
        'peer' in of ? this.#private(of, position, last.get(of.lastSeq)) : this.#group(user, of),
      ),
    );
  }

  async #private(
    row: ConversationRow,
    position: Position,
    last: HistoryItem | undefined,
  ): Promise<Conversation> {
    const { peer, unread, read } = row;
    const name = row.peerName === '' ? ((await this.#accounts.byId(peer))?.userName ?? '') : row.peerName;
    const of = { kind: 'user', user: peer } as const;
    return { of, name, ...(last === undefined ? {} : { last }), unread, read, n: position.shown };
  }

  async #group(user: UserId, end: GroupEnd): Promise<Conversation> {
    const { group, name } = end.of;
    const [state, [last]] = await Promise.all([
      this.#groups.state(user, end),
      this.#itemsAt(groupStream(group), [this.#groups.newestSeq(end)]),
    ]);
    const of = { kind: 'group', group } as const;
    return { of, name, ...(last === undefined ? {} : { last }), ...state, n: end.position.shown };
  }

  #lastOf(user: UserId, rows: readonly ConversationRow[]): Promise<HistoryItem[]> {
    return this.#itemsAt(
      inboxOf(user),
      rows.map(({ lastSeq }) => lastSeq),
    );
  }

  /** The messages at these seqs that still exist. */
  async #itemsAt(stream: StreamRef, seqs: readonly (Seq | 0)[]): Promise<HistoryItem[]> {
    const some = seqs.filter((seq) => seq > 0).sort((a, b) => a - b);
    const entries = await Promise.all(some.map((seq) => this.#scans.range(stream, seq, seq)));
    return this.#items.of(stream, entries.flat().filter(isMessage));
  }

  async #account(user: UserId) {
    const account = await this.#accounts.byId(user);
    if (account === undefined) throw new CimError('unknownAccount', 'there is no such user');
    return account;
  }
}

const idOf = ({ peer }: ConversationRow): string => conversationName({ kind: 'user', user: peer });

/** Negative when `a` is listed before `b`. */
const inOrder = (a: Place, b: Place): number => b.at - a.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

function placeOf(position: string): Place {
  const [at = '', id = ''] = position.split(' ');
  if (!/^\d{1,16}$/.test(at)) throw foreignCursor();
  return { at: Number(at), id };
}
