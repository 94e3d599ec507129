/** Which members of a group are away, for `message.offline`. */
import type { GroupId, Seq, UserId } from '@cim/protocol';
import type { Store } from '@cim/store';

/** Members of a larger group are not looked up for each of its messages. */
export const MOST_MEMBERS = 1_000;
/** The relay uses the answer of a look-up for this long [ms]: a busy group asks for the same users again and again. */
const BELIEVED_MS = 2_000;
const MOST_BELIEVED = 20_000;
/** Users that are looked up at once. */
const AT_ONCE = 100;

/** A message to a group. */
export interface GroupMessage {
  readonly group: GroupId;
  readonly seq: Seq;
  readonly sender: UserId;
}

/** `users`: members who were members at the message, without its sender, and have no device online. `members`: the group is too large. */
export type AwayMembers = { readonly users: readonly string[] } | { readonly members: number };

export class Away {
  readonly #store: { readonly groups: Pick<Store['groups'], 'find' | 'members'> } & Pick<Store, 'sessions'>;
  readonly #now: () => number;
  /** Value: whether the user is away. All answers are forgotten at `#until`. */
  readonly #users = new Map<UserId, Promise<boolean>>();
  /** Value: the group's members, or only their number when there are too many. Forgotten with `#users`. */
  readonly #groups = new Map<GroupId, Promise<ReadonlyMap<UserId, Seq> | number>>();
  #until = 0;

  /** @param now ms, never goes back */
  constructor(
    store: { readonly groups: Pick<Store['groups'], 'find' | 'members'> } & Pick<Store, 'sessions'>,
    now: () => number = () => performance.now(),
  ) {
    this.#store = store;
    this.#now = now;
  }

  /** Whether no device of the user is online, as it is now. */
  async isAway(user: UserId): Promise<boolean> {
    return (await this.#store.sessions.locate(user)).length === 0;
  }

  /** Undefined: nobody is away. */
  async of({ group, seq, sender }: GroupMessage): Promise<AwayMembers | undefined> {
    const members = await this.#believed(this.#groups, group, () => this.#membersOf(group));
    if (typeof members === 'number') return members === 0 ? undefined : { members };
    const asked = [...members].flatMap(([user, joined]) => (joined < seq && user !== sender ? [user] : []));
    const users: string[] = [];
    for (let from = 0; from < asked.length; from += AT_ONCE) {
      const some = asked.slice(from, from + AT_ONCE);
      const away = await Promise.all(
        some.map((user) => this.#believed(this.#users, user, () => this.isAway(user))),
      );
      users.push(...some.filter((_, i) => away[i]).map(String));
    }
    return users.length === 0 ? undefined : { users };
  }

  /** Key: member. Value: the entry that made it a member. A number: so many members, which are not looked up. */
  async #membersOf(group: GroupId): Promise<ReadonlyMap<UserId, Seq> | number> {
    const found = await this.#store.groups.find(group);
    if (found === undefined) return 0;
    if (found.members > MOST_MEMBERS) return found.members;
    const { items } = await this.#store.groups.members(group, MOST_MEMBERS);
    return new Map(items.map(({ userId, joined }) => [userId, joined]));
  }

  #believed<K, V>(known: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
    if (this.#now() >= this.#until || this.#users.size >= MOST_BELIEVED) {
      this.#users.clear();
      this.#groups.clear();
      this.#until = this.#now() + BELIEVED_MS;
    }
    let answer = known.get(key);
    if (answer === undefined) {
      answer = ask();
      known.set(key, answer);
      // An answer that failed is not believed.
      answer.catch(() => known.delete(key));
    }
    return answer;
  }
}
