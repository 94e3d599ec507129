import { hash } from 'node:crypto';
import { CimError, cim, type GroupId, groupStream, LOBBY, type NamedUser, type UserId } from '@cim/protocol';
import { type Group, GROUP_LIMITS, type GroupOperation, type JoinPolicy, type Store } from '@cim/store';
import { groupCategory, groupName } from './group-names.ts';
import { errorOf } from './send-problems.ts';
import type { SendReceipt } from './send-request.ts';
import type { SendService } from './send-service.ts';
import type { ServerCalls } from './server-calls.ts';

/** How many ids `create` tries when ids are taken. */
const IDS = 16;
/** Lowest id of a group that is created with an idempotency key. Ids that the store gives are far below. */
const KEYED_IDS_FROM = 1_000_000_000;
const KEYED_IDS = 1_000_000_000;

export interface GroupServiceParts {
  readonly store: Pick<Store, 'accounts' | 'groups' | 'blocks'>;
  readonly sends: Pick<SendService, 'sendKeyed'>;
  readonly calls: Pick<ServerCalls, 'groupsChanged'>;
}

/** The properties of a new group. */
export interface NewGroup {
  readonly name: string;
  readonly category?: string | undefined;
  readonly join: JoinPolicy;
  /** Members from the start. The actor, who becomes the owner, is added to them. */
  readonly users?: readonly UserId[] | undefined;
}

/**
 * Changes groups on behalf of users. Every change is an entry of the group's log, which the store checks and
 * applies in one step (`GroupOperation`). The log tells the members. A hint makes the sessions of users who
 * joined or left follow the change. All methods take the caller's idempotency key, so that a repeated call
 * changes nothing. They throw a `CimError` whose code and sentence say why a change was refused.
 */
export class GroupService {
  readonly #accounts: Store['accounts'];
  readonly #groups: Store['groups'];
  readonly #blocks: Pick<Store['blocks'], 'list'>;
  readonly #sends: GroupServiceParts['sends'];
  readonly #calls: GroupServiceParts['calls'];

  constructor({ store, sends, calls }: GroupServiceParts) {
    this.#accounts = store.accounts;
    this.#groups = store.groups;
    this.#blocks = store.blocks;
    this.#sends = sends;
    this.#calls = calls;
  }

  async create(actor: NamedUser, given: NewGroup, key?: string): Promise<Group> {
    const name = groupName(given.name);
    const category = groupCategory(given.category ?? '');
    const { join } = given;
    const users = await this.#named((given.users ?? []).filter((user) => user !== actor.userId));
    if (!(await this.#wasMade(actor, key))) {
      await this.#takeInvitations(actor, users);
      await this.#haveRoom([actor, ...users]);
    }
    const members = [
      { ...entryUser(actor), role: 'owner' },
      ...users.map((user) => ({ ...entryUser(user), role: 'member' })),
    ];
    const operation: GroupOperation = { kind: 'create', name, category, join, users };
    for (let i = 0; i < IDS; i++) {
      const group = key === undefined ? await this.#groups.newId() : idOfKey(actor.userId, key, i);
      const body = { op: 'create', name, category, join, users: members };
      const { receipt } = await this.#append(actor, group, operation, body, key);
      if (receipt.outcome === 'refused' && receipt.problem === 'taken') continue;
      stored(receipt);
      this.#calls.groupsChanged([actor, ...users].map(({ userId }) => userId));
      return this.#found(group);
    }
    throw new CimError('failure', 'no free group id was found; try again');
  }

  async change(
    actor: NamedUser,
    group: GroupId,
    given: { readonly name?: string; readonly category?: string; readonly join?: JoinPolicy },
    key?: string,
  ): Promise<Group> {
    const changes = {
      ...(given.name === undefined ? {} : { name: groupName(given.name) }),
      ...(given.category === undefined ? {} : { category: groupCategory(given.category) }),
      ...(given.join === undefined ? {} : { join: given.join }),
    };
    if (Object.keys(changes).length === 0)
      throw new CimError('invalid', 'nothing to change; give name, category or join');
    await this.#apply(actor, group, { kind: 'change', ...changes }, { op: 'change', ...changes }, key);
    return this.#found(group);
  }

  /** Adds users. Answers those that were not members before. */
  async add(
    actor: NamedUser,
    group: GroupId,
    userIds: readonly UserId[],
    key?: string,
  ): Promise<readonly UserId[]> {
    const users = await this.#named(userIds);
    if (users.length === 0) throw new CimError('invalid', 'name at least one user to add');
    checkGroup(group);
    const areMembers = await this.#groups.areMembers(
      group,
      users.map(({ userId }) => userId),
    );
    const newcomers = users.filter((_, i) => areMembers[i] !== true);
    await this.#takeInvitations(actor, newcomers);
    await this.#haveRoom(newcomers);
    // A repeated call sends the same list as the first one, so that the store recognizes it.
    const those = key === undefined && newcomers.length > 0 ? newcomers : users;
    const body = { op: 'add', users: those.map((user) => ({ ...entryUser(user), role: 'member' })) };
    await this.#apply(actor, group, { kind: 'add', users: those }, body, key);
    const added = newcomers.map(({ userId }) => userId);
    this.#calls.groupsChanged(added);
    return added;
  }

  /** Joins the group. Answers whether the actor was not a member before. */
  async join(actor: NamedUser, group: GroupId, key?: string): Promise<boolean> {
    checkGroup(group);
    const [isMember] = await this.#groups.areMembers(group, [actor.userId]);
    if (isMember === true) return false;
    await this.#haveRoom([actor]);
    await this.#apply(actor, group, { kind: 'join' }, { op: 'join', users: [entryUser(actor)] }, key);
    this.#calls.groupsChanged([actor.userId]);
    return true;
  }

  async leave(actor: NamedUser, group: GroupId, key?: string): Promise<void> {
    await this.#apply(actor, group, { kind: 'leave' }, { op: 'leave', users: [entryUser(actor)] }, key);
    this.#calls.groupsChanged([actor.userId]);
  }

  async remove(actor: NamedUser, group: GroupId, user: UserId, key?: string): Promise<void> {
    const body = { op: 'remove', users: await this.#one(user) };
    await this.#apply(actor, group, { kind: 'remove', user }, body, key);
    this.#calls.groupsChanged([user]);
  }

  async setRole(
    actor: NamedUser,
    group: GroupId,
    user: UserId,
    role: 'admin' | 'member',
    key?: string,
  ): Promise<void> {
    const body = { op: 'role', users: await this.#one(user), role };
    await this.#apply(actor, group, { kind: 'role', user, role }, body, key);
  }

  async mute(actor: NamedUser, group: GroupId, user: UserId, muted: boolean, key?: string): Promise<void> {
    const body = { op: 'mute', users: await this.#one(user), muted };
    await this.#apply(actor, group, { kind: 'mute', user, muted }, body, key);
  }

  async transfer(actor: NamedUser, group: GroupId, user: UserId, key?: string): Promise<void> {
    const body = { op: 'transfer', users: await this.#one(user) };
    await this.#apply(actor, group, { kind: 'transfer', user }, body, key);
  }

  async disband(actor: NamedUser, group: GroupId, key?: string): Promise<void> {
    await this.#apply(actor, group, { kind: 'disband' }, { op: 'disband' }, key);
  }

  async #apply(
    actor: NamedUser,
    group: GroupId,
    operation: GroupOperation,
    body: object,
    key: string | undefined,
  ): Promise<void> {
    checkGroup(group);
    const { receipt } = await this.#append(actor, group, operation, body, key);
    // Whoever joins has no role yet.
    if (operation.kind === 'join' && receipt.outcome === 'refused' && receipt.problem === 'not-allowed')
      throw new CimError(
        'notAllowed',
        'members come into this group by invitation only: ask its owner or an admin to add you',
      );
    stored(receipt);
  }

  #append(
    actor: NamedUser,
    group: GroupId,
    operation: GroupOperation,
    body: object,
    key: string | undefined,
  ): Promise<{ readonly receipt: SendReceipt }> {
    const content = cim.Content.encode({ type: 'member', body: Buffer.from(JSON.stringify(body)) }).finish();
    return this.#sends.sendKeyed({ door: 'v1', actor, to: groupStream(group), content, key, operation });
  }

  async #found(id: GroupId): Promise<Group> {
    const group = await this.#groups.find(id);
    if (group === undefined) throw new CimError('unknownGroup');
    return group;
  }

  /** The accounts of the users, each once. */
  async #named(userIds: readonly UserId[]): Promise<NamedUser[]> {
    const distinct = [...new Set(userIds)];
    if (distinct.length > GROUP_LIMITS.addedAtOnce)
      throw new CimError(
        'invalid',
        `${distinct.length} users at once; at most ${GROUP_LIMITS.addedAtOnce} can be added in one step`,
      );
    return Promise.all(
      distinct.map(async (userId) => {
        const account = await this.#accounts.byId(userId);
        if (account === undefined)
          throw new CimError('unknownAccount', `there is no user with the id ${userId}`);
        return { userId, userName: account.userName };
      }),
    );
  }

  async #one(user: UserId): Promise<object[]> {
    return (await this.#named([user])).map(entryUser);
  }

  /** A call with this key has made its group before: its members count already. */
  async #wasMade(actor: NamedUser, key: string | undefined): Promise<boolean> {
    if (key === undefined) return false;
    return (await this.#groups.find(idOfKey(actor.userId, key, 0)))?.owner === actor.userId;
  }

  /** Nobody is brought into a group by somebody whom they have blocked. */
  async #takeInvitations(actor: NamedUser, users: readonly NamedUser[]): Promise<void> {
    const blocks = await Promise.all(users.map(({ userId }) => this.#blocks.list(userId)));
    const refuses = users.find((_, i) => blocks[i]?.includes(actor.userId));
    if (refuses !== undefined)
      throw new CimError('blocked', `${refuses.userName} has blocked you, and cannot be added by you`);
  }

  /**
   * Checks the number of groups before the membership is made. Two joins at the same moment may end one above
   * the limit.
   */
  async #haveRoom(users: readonly NamedUser[]): Promise<void> {
    const memberships = await Promise.all(users.map(({ userId }) => this.#groups.memberships(userId)));
    const full = users.find((_, i) => (memberships[i]?.length ?? 0) >= GROUP_LIMITS.groupsOfUser);
    if (full !== undefined)
      throw new CimError(
        'tooManyGroups',
        `${full.userName} is a member of ${GROUP_LIMITS.groupsOfUser} groups, and cannot be in more`,
      );
  }
}

/** A user in the body of a `member` entry. */
const entryUser = ({ userId, userName }: NamedUser): { id: string; name: string } => ({
  id: String(userId),
  name: userName,
});

function checkGroup(group: GroupId): void {
  if (group === LOBBY)
    throw new CimError('notAllowed', 'the lobby cannot be changed: all users are its members');
}

function stored(receipt: SendReceipt): void {
  if (receipt.outcome !== 'stored') throw errorOf(receipt);
}

/**
 * The id of a group that is created with a key, so that a repeated `create` finds it. Another attempt gives
 * another id, for when a different key has taken the first.
 */
function idOfKey(creator: UserId, key: string, attempt: number): GroupId {
  const digest = hash('sha256', `${creator} ${attempt} ${key}`, 'buffer');
  return String(KEYED_IDS_FROM + (digest.readUIntBE(0, 6) % KEYED_IDS)) as GroupId;
}
