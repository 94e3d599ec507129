import type { NamedUser } from '@cim/protocol';
import type { V1Api } from './v1-api.ts';
import { groupInfoOf, type GroupInfo, memberInfoOf, type MemberInfo, userIdOf } from './v1-shapes.ts';

/** A group to be made. */
export interface NewGroup {
  /** For people. */
  readonly name: string;
  /** A label to list by. */
  readonly category?: string;
  /** `open`: anybody may join; `invite`, the default: an owner or admin adds. */
  readonly join?: 'open' | 'invite';
}

/** Ids of users. */
type Users = readonly number[];

/** A page of a list; `next` when there is more. */
export interface Page<T> {
  /** What the page has. */
  readonly items: readonly T[];
  /** Pass it on as `after`. */
  readonly next?: string;
}

interface PageQuery {
  readonly limit?: number;
  readonly after?: string;
}

/**
 * Groups and their members. Each call is one request to the route, and rejects with a `CimError` that has its code. Changes
 * come to all members as `members` events, to this client too.
 */
export class GroupCalls {
  readonly #v1: V1Api;
  readonly #me: () => NamedUser | undefined;

  /** @param me who the session is of, once that is known */
  constructor(v1: V1Api, me: () => NamedUser | undefined) {
    this.#v1 = v1;
    this.#me = me;
  }

  /**
   * This user is the owner; `users` are members from the beginning, 100 at most. One call makes one group, also when an
   * answer is lost: the request is repeated under one `Idempotency-Key`.
   * @param key calls with the same key within an hour make one group: for a caller that may have to repeat the call
   */
  async create(
    { users = [], ...given }: NewGroup & { readonly users?: Users },
    key?: string,
  ): Promise<GroupInfo> {
    const group = { join: 'invite', ...given, ...(users.length > 0 && { users: users.map(String) }) };
    return this.#v1.oneOf(await this.#v1.create('/groups', group, key), groupInfoOf);
  }

  /** Those of this user, by category or all. */
  async list(query: PageQuery & { readonly category?: string } = {}): Promise<Page<GroupInfo>> {
    return this.#page(await this.#v1.get('/groups', { ...query }), groupInfoOf);
  }

  /** A group, as this user sees it. */
  async get(group: string): Promise<GroupInfo> {
    return this.#v1.oneOf(await this.#v1.get(pathOf(group)), groupInfoOf);
  }

  /** As owner or admin. */
  async change(group: string, change: Partial<NewGroup>): Promise<GroupInfo> {
    return this.#v1.oneOf(await this.#v1.call('PATCH', pathOf(group), change), groupInfoOf);
  }

  /** An open group. */
  async join(group: string): Promise<void> {
    await this.#v1.call('POST', `${pathOf(group)}/members`, {});
  }

  /** An owner cannot leave: it transfers the group first, or disbands it. */
  async leave(group: string): Promise<void> {
    await this.remove(group, this.#me()?.userId ?? 0);
  }

  /** As owner or admin; at most 100 at once. @returns those that were no members before */
  async add(group: string, users: Users): Promise<Users> {
    const { added } = await this.#v1.call('POST', `${pathOf(group)}/members`, { users: users.map(String) });
    return Array.isArray(added) ? added.flatMap((id) => userIdOf(id) ?? []) : [];
  }

  /** As owner or admin. */
  async remove(group: string, user: number): Promise<void> {
    await this.#v1.call('DELETE', memberPath(group, user));
  }

  /** As owner. */
  async setRole(group: string, user: number, role: 'admin' | 'member'): Promise<void> {
    await this.#v1.call('PATCH', memberPath(group, user), { role });
  }

  /** As owner or admin: the member may read and not write, until it is false again. */
  async mute(group: string, user: number, muted = true): Promise<void> {
    await this.#v1.call('PATCH', memberPath(group, user), { muted });
  }

  /** As owner, to a member. This user is an admin then. */
  async transfer(group: string, user: number): Promise<void> {
    await this.#v1.call('POST', `${pathOf(group)}/transfer`, { user: String(user) });
  }

  /** As owner: the group is no more. */
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
