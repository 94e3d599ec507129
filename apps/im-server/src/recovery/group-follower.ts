/**
 * Finds the groups that one session follows: those of its user, now and later. The group's side of a
 * membership decides; the user's side only lists candidates.
 */
import { type Epoch, groupStream, type GroupId, LOBBY, type Seq } from '@cim/protocol';
import { Slice } from '@cim/runtime';
import { type Cursor, entryId, type Groups, type Stay, type Store, type UserDevice } from '@cim/store';
import type { AckBatch } from '../subscriptions/ack-batch.ts';
import type { FeedSink } from '../subscriptions/feed-sink.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Places } from '../subscriptions/places.ts';
import { type ResumeAnswer, resumeAt } from './resume.ts';

/** Groups that the store is asked about at once. A user with 1,000 groups must not hold the event loop. */
const AT_ONCE = 50;

/** The position at which a session goes on in a group. */
export interface GroupAt {
  readonly group: GroupId;
  readonly at: ResumeAnswer;
}

/** The part of a session that its follower uses. */
export interface Following extends FeedSink, UserDevice {
  readonly epoch: Epoch;
  readonly places: Places;
  /** Whether the channel has ended. */
  readonly ended: boolean;
  /** Tells the client where its groups go on. */
  resumed(groups: readonly GroupAt[]): void;
}

export interface FollowerParts {
  readonly store: {
    readonly streams: Store['streams'];
    readonly groups: Pick<Groups, 'groupsOf' | 'member' | 'stays'>;
  };
  readonly acks: Pick<AckBatch, 'add'>;
  readonly groups: Pick<GroupLogs, 'find' | 'reserve' | 'unreserve'>;
}

export class GroupFollower {
  readonly #session: Following;
  readonly #parts: FollowerParts;
  /** True: the session follows all groups of its user. False: only groups that the client has named. */
  readonly #all: boolean;
  /**
   * Key: group. Value: memberships up to this entry need nothing more: the device has all of them, or they
   * are not for it. Never removed. Created with the first entry.
   */
  #done: Map<GroupId, Seq> | undefined;
  #looking = false;
  #again = false;
  #begun = false;

  constructor(session: Following, parts: FollowerParts, all: boolean) {
    this.#session = session;
    this.#parts = parts;
    this.#all = all;
  }

  /** Finds where the session goes on in its groups. The caller must call `start` after every answer. */
  async find(cursors: ReadonlyMap<string, Cursor | undefined>): Promise<GroupAt[]> {
    const isNew = [...cursors.values()].every((cursor) => cursor === undefined);
    const groups = await this.#parts.store.groups.groupsOf(this.#session.userId);
    const named = this.#all ? groups : groups.filter((group) => cursors.has(group));
    return this.#find(named, cursors, () => (isNew ? this.#passStays() : this.#staysDue(cursors)));
  }

  /** Called when the entry that ended the user's membership was sent. */
  left(group: GroupId, seq: Seq): void {
    this.#pass({ group, left: seq });
    this.changed();
  }

  /** The ended membership that holds this entry. May throw when the store does not answer. */
  async stayAt(group: GroupId, seq: Seq): Promise<Stay | undefined> {
    const stays = await this.#stays();
    return stays.find((stay) => stay.group === group && stay.joined <= seq && stay.left >= seq);
  }

  /** Begins to follow, after the client was told where its groups go on. */
  async start(found: readonly GroupAt[]): Promise<void> {
    const { groups: logs } = this.#parts;
    const slice = new Slice();
    for (const { group, at } of found) {
      const log = logs.find(group);
      if (log !== undefined && !this.#session.ended && !this.#session.places.has(group)) {
        this.#session.places.follow(log, at.next, at.last, at.next > at.top, this.#session);
        // The entries that a short absence has missed are still in memory.
        this.#session.places.get(group)?.resume();
      }
      logs.unreserve([group]);
      if (slice.over) await slice.next();
    }
    this.#begun = true;
    if (this.#again) this.changed();
  }

  /**
   * Looks for changes in the user's groups. Never throws; the pass over all sessions repairs what fails here.
   */
  changed(): void {
    this.#again = true;
    if (this.#looking || !this.#begun || this.#session.ended) return;
    this.#again = false;
    this.#looking = true;
    this.#look()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = false;
        if (this.#again) this.changed();
      });
  }

  async #look(): Promise<void> {
    const { places, userId } = this.#session;
    const named = await this.#parts.store.groups.groupsOf(userId);
    const groups = new Set<string>(named);
    for (const group of [...places.groups()])
      if (group !== LOBBY && !groups.has(group)) await this.#leave(group as GroupId);
    if (!this.#all) return;
    const joined = named.filter((group) => !places.has(group));
    // A membership may have been followed to its end during the question.
    const isOpen = ({ group, left }: Stay): boolean => !places.has(group) && left > this.#doneTo(group);
    const found = await this.#find(joined, new Map(), async () =>
      (await this.#staysDue(new Map())).filter(isOpen),
    );
    if (found.length === 0) return;
    if (!this.#session.ended) this.#session.resumed(found);
    await this.start(found);
  }

  /**
   * The user's own side no longer names this group. Usually the entry that says so is on its way and ends the
   * place. A session that began to follow behind that entry never meets it.
   */
  async #leave(group: GroupId): Promise<void> {
    const { places, userId } = this.#session;
    if ((await this.#parts.store.groups.member(group, userId)) !== undefined) return;
    const before = places.get(group)?.next;
    if (before !== undefined && (await this.stayAt(group, before)) !== undefined) return;
    const log = this.#parts.groups.find(group);
    await log?.lookNow();
    const next = places.get(group)?.next;
    if (log === undefined || next === undefined || next > log.top) places.leave(group, this.#session);
  }

  /** Ended memberships whose rest devices can still get. */
  async #stays(): Promise<readonly Stay[]> {
    return this.#all ? this.#parts.store.groups.stays(this.#session.userId) : [];
  }

  /**
   * For a device that was never here before: the ended memberships of its user are not for it, now or later.
   */
  async #passStays(): Promise<readonly Stay[]> {
    for (const stay of await this.#stays()) {
      this.#pass(stay);
      const stream = groupStream(stay.group);
      const last = await this.#parts.store.streams.peek(stream, stay.left);
      if (last?.seq === stay.left)
        this.#parts.acks.add(this.#session, stream, { seq: stay.left, id: entryId(last) });
    }
    return [];
  }

  #pass({ group, left }: Pick<Stay, 'group' | 'left'>): void {
    (this.#done ??= new Map()).set(group, Math.max(this.#doneTo(group), left));
  }

  #doneTo(group: GroupId): number {
    return this.#done?.get(group) ?? 0;
  }

  /** For each group, the first ended membership that the device does not have to its end. */
  async #staysDue(cursors: ReadonlyMap<string, Cursor | undefined>): Promise<readonly Stay[]> {
    const { streams } = this.#parts.store;
    const due = new Map<GroupId, Stay>();
    const had = new Map<GroupId, number>();
    for (const stay of await this.#stays()) {
      const { group, left } = stay;
      if (due.has(group) || left <= this.#doneTo(group)) continue;
      const { userId, device } = this.#session;
      let seq = had.get(group);
      if (seq === undefined) {
        const cursor = cursors.get(group) ?? (await streams.cursor(userId, device, groupStream(group)));
        had.set(group, (seq = cursor?.seq ?? 0));
      }
      if (seq >= left) this.#pass(stay);
      else due.set(group, stay);
    }
    return [...due.values()];
  }

  /** @param due groups in which the session goes on in an ended membership, up to its end */
  async #find(
    named: readonly GroupId[],
    cursors: ReadonlyMap<string, Cursor | undefined>,
    due: () => Promise<readonly Stay[]>,
  ): Promise<GroupAt[]> {
    const { store, groups: logs } = this.#parts;
    const { userId } = this.#session;
    const joined = new Map<GroupId, Seq>();
    await inPortions(named, async (group) => {
      const member = await store.groups.member(group, userId);
      if (member !== undefined) joined.set(group, member.joined);
    });
    const until = new Map<GroupId, Seq>();
    // This question comes after the one for memberships: a membership that ended before a present one is then
    // known too. Otherwise the session would follow the newer one and never get the rest of the older one.
    for (const { group, joined: since, left } of await due()) {
      joined.set(group, since);
      until.set(group, left);
    }
    const groups = [...joined.keys()];
    if (groups.length === 0) return [];
    const found: GroupAt[] = [];
    try {
      await logs.reserve(groups);
      await inPortions(groups, async (group) => {
        const [cursor, from] = [cursors.get(group), joined.get(group)];
        const stream = groupStream(group);
        const at = await resumeAt(store.streams, this.#session, stream, cursor, 0 as Seq, from);
        if (at.next <= (until.get(group) ?? Infinity)) return void found.push({ group, at });
        // The membership ended too long ago: the device gets nothing more of it. If the user is a member
        // again, that membership is followed next.
        this.#pass({ group, left: until.get(group) ?? at.next });
        this.#again = true;
        logs.unreserve([group]);
      });
    } catch (error) {
      logs.unreserve(groups);
      throw error;
    }
    return found;
  }
}

/** Works in portions: a store that answers at once would otherwise keep everything else waiting. */
async function inPortions(groups: readonly GroupId[], act: (group: GroupId) => Promise<void>): Promise<void> {
  const slice = new Slice();
  for (let i = 0; i < groups.length; i += AT_ONCE) {
    await Promise.all(groups.slice(i, i + AT_ONCE).map(act));
    if (slice.over) await slice.next();
  }
}
