import type { NamedUser } from '@cim/protocol';
import type { V1Api } from './v1-api.ts';
import { groupInfoOf, type GroupInfo, memberInfoOf, type MemberInfo, userIdOf } from './v1-shapes.ts';

/** The properties of a new group. */
export interface NewGroup {
  /** For people. */
  readonly name: string;
  /** A label to list by. */
  readonly category?: string;
  /** `open`: any user may join; `invite`, the default: the owner or an admin adds members. */
  readonly join?: 'open' | 'invite';
}

/** Ids of users. */
type Users = readonly number[];

/** A page of a list. */
export interface Page<T> {
  /** The items of the page. */
  readonly items: readonly T[];
  /** Cursor of the next page: pass it on as `after`. Absent on the last page. */
  readonly next?: string;
}

interface PageQuery {
  readonly limit?: number;
  readonly after?: string;
}

/**
 * Groups and their members. Each call is one request to the route, and rejects with a `CimError` that has its
 * code. All members get changes as `members` events, this client too.
 */
export class GroupCalls {
  readonly #v1: V1Api;
  readonly #me: () => NamedUser | undefined;

  /** @param me the user of the session, once it is known */
  constructor(v1: V1Api, me: () => NamedUser | undefined) {
    this.#v1 = v1;
    this.#me = me;
  }

  /**
   * Creates a group with this user as its owner and `users` as members, 100 at most. One call makes one
   * group, also when an answer is lost: the request is repeated under one `Idempotency-Key`.
   * @param key calls with the same key within an hour make one group: for a caller that may have to repeat
   * the call
   */
  async create(
    { users = [], ...given }: NewGroup & { readonly users?: Users },
    key?: string,
  ): Promise<GroupInfo> {
    const group = { join: 'invite', ...given, ...(users.length > 0 && { users: users.map(String) }) };
    return this.#v1.oneOf(await this.#v1.create('/groups', group, key), groupInfoOf);
  }

  /** Lists this user's groups, all or of one category. */
  async list(query: PageQuery & { readonly category?: string } = {}): Promise<Page<GroupInfo>> {
    return this.#page(await this.#v1.get('/groups', { ...query }), groupInfoOf);
  }

  /** One group, as this user sees it. */
  async get(group: string): Promise<GroupInfo> {
    return this.#v1.oneOf(await this.#v1.get(pathOf(group)), groupInfoOf);
  }

  /** Changes a group. For its owner or an admin. */
  async change(group: string, change: Partial<NewGroup>): Promise<GroupInfo> {
    return this.#v1.oneOf(await this.#v1.call('PATCH', pathOf(group), change), groupInfoOf);
  }

  /** Joins an open group. */
  async join(group: string): Promise<void> {
    await this.#v1.call('POST', `${pathOf(group)}/members`, {});
  }

  /** Leaves a group. An owner cannot leave: it transfers the group first, or disbands it. */
  async leave(group: string): Promise<void> {
    await this.remove(group, this.#me()?.userId ?? 0);
  }

  /** Adds users, at most 100 at once. For the owner or an admin. @returns users that were not members before */
  async add(group: string, users: Users): Promise<Users> {
    const { added } = await this.#v1.call('POST', `${pathOf(group)}/members`, { users: users.map(String) });
    return Array.isArray(added) ? added.flatMap((id) => userIdOf(id) ?? []) : [];
  }

  /** Removes a member. For the owner or an admin. */
  async remove(group: string, user: number): Promise<void> {
    await this.#v1.call('DELETE', memberPath(group, user));
  }

  /** Sets a member's role. For the owner. */
  async setRole(group: string, user: number, role: 'admin' | 'member'): Promise<void> {
    await this.#v1.call('PATCH', memberPath(group, user), { role });
  }

  /** Mutes a member, who may then read but not write, or unmutes it. For the owner or an admin. */
  async mute(group: string, user: number, muted = true): Promise<void> {
    await this.#v1.call('PATCH', memberPath(group, user), { muted });
  }

  /** Transfers the group to a member. For the owner, who becomes an admin. */
  async transfer(group: string, user: number): Promise<void> {
    await this.#v1.call('POST', `${pathOf(group)}/transfer`, { user: String(user) });
  }

  /** Disbands the group. For the owner. */
  async disband(group: string): Promise<void> {
    await this.#v1.call('DELETE', pathOf(group));
  }

  /** The members of a group, page by page. */
  async members(group: string, query: PageQuery = {}): Promise<Page<MemberInfo>> {
    return this.#page(await this.#v1.get(`${pathOf(group)}/members`, { ...query }), memberInfoOf);
  }

  #page<T>(answer: Record<string, unknown>, read: (item: unknown) => T | undefined): Page<T> {
    const { next } = answer;
    return { items: this.#v1.listOf(answer, read), ...(typeof next === 'string' && { next }) };
  }
}

const pathOf = (group: string): string => `/groups/${encodeURIComponent(group)}`;
const memberPath = (group: string, user: number): string => `${pathOf(group)}/members/${user}`;
