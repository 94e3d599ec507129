/**
 * Which groups one session follows: those of its user, now and later. The group's side of a membership decides; the user's
 * side only names the groups.
 */
import { groupStream, type GroupId, LOBBY, type Seq } from '@cim/protocol';
import { Slice } from '@cim/runtime';
import type { Cursor, Groups, Store, UserDevice } from '@cim/store';
import type { FeedSink } from '../subscriptions/feed-sink.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Places } from '../subscriptions/places.ts';
import { type ResumeAnswer, resumeAt } from './resume.ts';

/** Groups that the store is asked about at a time: a user with 1,000 groups must not hold the event loop. */
const AT_ONCE = 50;

/** Where a session goes on in a group. */
export interface GroupAt {
  readonly group: GroupId;
  readonly at: ResumeAnswer;
}

/** The session, as its follower sees it. */
export interface Following extends FeedSink, UserDevice {
  readonly places: Places;
  /** The channel has ended. */
  readonly ended: boolean;
  /** Tells the client where it goes on. */
  resumed(groups: readonly GroupAt[]): void;
}

export interface FollowerParts {
  readonly store: {
    readonly streams: Store['streams'];
    readonly groups: Pick<Groups, 'groupsOf' | 'member'>;
  };
  readonly groups: Pick<GroupLogs, 'find' | 'reserve' | 'unreserve'>;
}

export class GroupFollower {
  readonly #session: Following;
  readonly #parts: FollowerParts;
  /** Whether it follows all groups of its user; false: those that the client has named. */
  readonly #all: boolean;
  #looking = false;
  #again = false;
  #begun = false;

  constructor(session: Following, parts: FollowerParts, all: boolean) {
    this.#session = session;
    this.#parts = parts;
    this.#all = all;
  }

  /** Where the session goes on in its groups. `start` is to be called in any case when this has answered. */
  async find(cursors: ReadonlyMap<string, Cursor | undefined>): Promise<GroupAt[]> {
    const groups = await this.#parts.store.groups.groupsOf(this.#session.userId);
    return this.#find(this.#all ? groups : groups.filter((group) => cursors.has(group)), cursors);
  }

  /** The client has been told: the session follows. */
  async start(found: readonly GroupAt[]): Promise<void> {
    const { groups: logs } = this.#parts;
    const slice = new Slice();
    for (const { group, at } of found) {
      const log = logs.find(group);
      if (log !== undefined && !this.#session.ended && !this.#session.places.has(group)) {
        this.#session.places.follow(log, at.next, at.last, at.next > at.top, this.#session);
        // What it has missed is in memory already, when it was not away for long.
        this.#session.places.get(group)?.resume();
      }
      logs.unreserve([group]);
      if (slice.over) await slice.next();
    }
    this.#begun = true;
    if (this.#again) this.changed();
  }

  /** The user's groups may have changed. Never throws; the look at all sessions makes good what fails. */
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
    if (joined.length === 0) return;
    const found = await this.#find(joined, new Map());
    if (!this.#session.ended && found.length > 0) this.#session.resumed(found);
    await this.start(found);
  }

  /**
   * The user is no member by its own side. Mostly the entry that says so is on its way, and ends the place. A session that
   * began to follow behind that entry never meets it.
   */
  async #leave(group: GroupId): Promise<void> {
    const { places, userId } = this.#session;
    if ((await this.#parts.store.groups.member(group, userId)) !== undefined) return;
    const log = this.#parts.groups.find(group);
    await log?.lookNow();
    const next = places.get(group)?.next;
    if (log === undefined || next === undefined || next > log.top) places.leave(group, this.#session);
  }

  async #find(
    named: readonly GroupId[],
    cursors: ReadonlyMap<string, Cursor | undefined>,
  ): Promise<GroupAt[]> {
    const { store, groups: logs } = this.#parts;
    const { userId } = this.#session;
    const joined = new Map<GroupId, Seq>();
    await inPortions(named, async (group) => {
      const member = await store.groups.member(group, userId);
      if (member !== undefined) joined.set(group, member.joined);
    });
    const groups = [...joined.keys()];
    if (groups.length === 0) return [];
    const found: GroupAt[] = [];
    try {
      await logs.reserve(groups);
      await inPortions(groups, async (group) => {
        const [cursor, from] = [cursors.get(group), joined.get(group)];
        const stream = groupStream(group);
        const at = await resumeAt(store.streams, this.#session, stream, cursor, 0 as Seq, from);
        found.push({ group, at });
      });
    } catch (error) {
      logs.unreserve(groups);
      throw error;
    }
    return found;
  }
}

/** In portions: a store that answers at once would not let anybody else in between. */
async function inPortions(groups: readonly GroupId[], act: (group: GroupId) => Promise<void>): Promise<void> {
  const slice = new Slice();
  for (let i = 0; i < groups.length; i += AT_ONCE) {
    await Promise.all(groups.slice(i, i + AT_ONCE).map(act));
    if (slice.over) await slice.next();
  }
}
