/**
 * A store in memory with the parts that histories and conversations read: timelines, rows, memberships and
 * marks.
 */
import {
  CimError,
  type GroupId,
  groupStream,
  inboxOf,
  type NamedUser,
  type Seq,
  type StreamRef,
  streamName,
  type UserId,
} from '@cim/protocol';
import type { ConversationRow, SavedConversations } from '../src/conversation-rows.ts';
import type { ConversationStore } from '../src/conversations.ts';
import type { Group, Member, Membership } from '../src/groups.ts';
import { Timeline } from './timeline.ts';

export class MemoryStore implements ConversationStore {
  /** Key: stream name. */
  readonly #streams = new Map<string, Timeline>();
  /** Key: user. */
  readonly #rows = new Map<UserId, SavedConversations>();
  readonly members: (Membership & { readonly user: UserId })[] = [];
  /** Key: user and group. */
  readonly #marks = new Map<string, number>();
  readonly #users: readonly NamedUser[];
  /** Called before rows are saved. */
  onSave: (() => Promise<void>) | undefined;

  constructor(...users: readonly NamedUser[]) {
    this.#users = users;
  }

  inbox(of: NamedUser): Timeline {
    return this.#timeline(inboxOf(of.userId));
  }

  group(group: string): Timeline {
    return this.#timeline(groupStream(group as GroupId));
  }

  join(of: NamedUser, group: string, joined: number, joinedN: number): void {
    this.members.push({
      ...{ user: of.userId, group: group as GroupId, name: `group ${group}`, category: '', role: 'member' },
      ...{ joined: joined as Seq, joinedN, read: 0 },
    });
  }

  readonly accounts: ConversationStore['accounts'] = {
    byId: (id) => Promise.resolve(this.#users.find(({ userId }) => userId === id) as never),
  };

  readonly streams: ConversationStore['streams'] = {
    read: (stream, from, limit) => this.#timeline(stream).read(stream, from, limit),
    peek: async (stream, from) => (await this.#timeline(stream).read(stream, from, 1))[0],
    position: (stream) => this.#timeline(stream).position(),
    positions: (streams) => Promise.all(streams.map((stream) => this.#timeline(stream).position())),
    events: (stream, from) => this.#timeline(stream).events(stream, from),
  };

  readonly groups: ConversationStore['groups'] = {
    find: (id) => {
      const member = this.members.find(({ group }) => group === id);
      return Promise.resolve(member && ({ id, name: member.name } as Group));
    },
    member: (id, user) =>
      Promise.resolve(
        this.members.find((one) => one.user === user && one.group === id) as Member | undefined,
      ),
    memberships: (user) =>
      Promise.resolve(
        this.members
          .filter((one) => one.user === user)
          .map((one) => ({ ...one, read: this.#marks.get(`${user} ${one.group}`) ?? 0 })),
      ),
    markOf: (user, group) => Promise.resolve(this.#marks.get(`${user} ${group}`) ?? 0),
    mark: (user, group, n) => {
      const mark = Math.max(this.#marks.get(`${user} ${group}`) ?? 0, n);
      this.#marks.set(`${user} ${group}`, mark);
      return Promise.resolve(mark);
    },
  };

  readonly conversations: ConversationStore['conversations'] = {
    load: (user) => Promise.resolve(this.#saved(user)),
    save: async (user, revision, folded, rows) => {
      await this.onSave?.();
      const before = this.#saved(user);
      if (before.revision !== revision) return false;
      if (new Set(rows.map(({ peer }) => peer)).size !== rows.length) throw new CimError('invalid');
      const all = new Map<UserId, ConversationRow>(
        [...before.rows, ...rows].map((row) => [row.peer, { ...row }]),
      );
      this.#rows.set(user, { revision: revision + 1, folded, rows: [...all.values()] });
      return true;
    },
  };

  #saved(user: UserId): SavedConversations {
    return this.#rows.get(user) ?? { revision: 0, folded: { seq: 0 as Seq, id: '' as never }, rows: [] };
  }

  #timeline(stream: StreamRef): Timeline {
    const timeline = this.#streams.get(streamName(stream)) ?? new Timeline();
    this.#streams.set(streamName(stream), timeline);
    return timeline;
  }
}
