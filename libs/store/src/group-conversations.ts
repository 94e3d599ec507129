import { CimError, type GroupId, groupStream, LOBBY, type Seq, type UserId } from '@cim/protocol';
import type { Groups, Membership } from './groups.ts';
import type { LogScans } from './log-scans.ts';
import { OwnMessages } from './own-messages.ts';
import type { Position, Streams } from './streams.ts';

/** A group of a member, with the end of its log. */
export interface GroupEnd {
  readonly of: Pick<Membership, 'group' | 'name' | 'joined' | 'joinedN' | 'read'>;
  readonly position: Position;
}

export interface ReadState {
  /** Number of messages of others above the read mark. */
  readonly unread: number;
  /** Read mark: all messages with an `n` up to this one count as read. */
  readonly read: number;
}

/**
 * The read state of users in groups and the lobby. The cost of a count does not depend on the numbers of
 * members and messages.
 */
export class GroupConversations {
  readonly #streams: Pick<Streams, 'peek' | 'position' | 'positions'>;
  readonly #groups: Pick<Groups, 'find' | 'member' | 'memberships' | 'mark' | 'markOf'>;
  readonly #own: OwnMessages;

  constructor(
    streams: Pick<Streams, 'peek' | 'position' | 'positions'>,
    groups: Pick<Groups, 'find' | 'member' | 'memberships' | 'mark' | 'markOf'>,
    scans: LogScans,
  ) {
    this.#streams = streams;
    this.#groups = groups;
    this.#own = new OwnMessages(scans);
  }

  /** The user's groups, and the lobby once it has a message. */
  async all(user: UserId): Promise<GroupEnd[]> {
    const [memberships, lobby] = await Promise.all([this.#groups.memberships(user), this.#lobby(user)]);
    const groups = [...memberships, lobby];
    const positions = await this.#streams.positions(groups.map(({ group }) => groupStream(group)));
    const ends: GroupEnd[] = [];
    for (const [i, of] of groups.entries()) {
      const position = positions[i];
      if (position !== undefined && position.top > 0) ends.push({ of, position });
    }
    return ends;
  }

  /** One group. Throws `notMember`, `unknownGroup`. */
  async one(user: UserId, group: GroupId): Promise<GroupEnd> {
    const [of, position] = await Promise.all([
      group === LOBBY ? this.#lobby(user) : this.#membership(user, group),
      this.#streams.position(groupStream(group)),
    ]);
    return { of, position };
  }

  /**
   * When the newest message that the user may read was stored; in a group without one, the newest entry [ms].
   */
  async newestAt({ of, position }: GroupEnd): Promise<number> {
    const { shownSeq, shownAt, top } = position;
    if (shownSeq > 0 && shownSeq >= of.joined) return shownAt;
    return top < of.joined ? 0 : ((await this.#streams.peek(groupStream(of.group), top))?.storedAt ?? 0);
  }

  /** Seq of the newest message that the user may read; 0: there is none. The version before did not note it. */
  newestSeq({ of, position: { shownSeq, top } }: GroupEnd): Seq | 0 {
    const seq = shownSeq > 0 ? shownSeq : top;
    return seq >= of.joined ? seq : 0;
  }

  /** The read state. A mark beyond the end, from before the store went back, counts as the end. */
  async state(user: UserId, { of, position }: GroupEnd): Promise<ReadState> {
    const marked = Math.max(of.joinedN, of.read);
    const own = await this.#own.newest(of.group, user, position, marked);
    const read = Math.min(own, position.shown);
    return { unread: position.shown - read, read };
  }

  /** Moves the read mark, never back. Throws `notMember`, `unknownGroup`, `beyondEnd`. */
  async read(user: UserId, group: GroupId, n: number): Promise<ReadState & { readonly moved: boolean }> {
    const { of, position } = await this.one(user, group);
    if (n > position.shown) throw new CimError('beyondEnd');
    const before = await this.state(user, { of, position });
    if (n <= before.read) {
      // This mark comes from the user's own newest message. The log forgets that message some day, so the
      // mark is stored.
      if (of.read < before.read) await this.#groups.mark(user, group, before.read);
      return { ...before, moved: false };
    }
    const read = await this.#groups.mark(user, group, n);
    return { ...(await this.state(user, { of: { ...of, read }, position })), moved: true };
  }

  async #lobby(user: UserId): Promise<GroupEnd['of']> {
    const read = await this.#groups.markOf(user, LOBBY);
    return { group: LOBBY, name: LOBBY, joined: 0 as Seq, joinedN: 0, read };
  }

  async #membership(user: UserId, group: GroupId): Promise<GroupEnd['of']> {
    const [member, found, read] = await Promise.all([
      this.#groups.member(group, user),
      this.#groups.find(group),
      this.#groups.markOf(user, group),
    ]);
    if (found === undefined) throw new CimError('unknownGroup');
    if (member === undefined) throw new CimError('notMember');
    return { group, name: found.name, joined: member.joined, joinedN: member.joinedN, read };
  }
}
