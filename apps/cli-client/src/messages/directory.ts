import type { CimClient, GroupInfo, Recipient } from '@cim/client/node';
import { CimError, CODES, LOBBY, type UserId } from '@cim/protocol';
import type { Online } from './online.ts';
import type { Whom } from '../commands/command.ts';
import { type Names, titleOf } from '../screen/view.ts';
import { allPages, PAGE_ITEMS } from './all-pages.ts';
import type { Contacts } from './contacts.ts';
import { GroupNames } from './group-names.ts';

export interface DirectoryParts {
  readonly client: CimClient;
  readonly contacts: Contacts;
  readonly online: Online;
}

/** Finds users and groups by what people call them, and the other way round. */
export class Directory implements Names {
  readonly #parts: DirectoryParts;
  /** Groups of the user, as far as they are known. */
  readonly groups: GroupNames;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    this.groups = new GroupNames(() => this.ownGroups());
  }

  userName(id: UserId): string {
    return this.#parts.contacts.nameOf(id);
  }

  groupName(id: string): string {
    return this.groups.nameOf(id);
  }

  /** Where a message stands, and what people call that. */
  placeOf(to: Recipient): { readonly conversation: string; readonly title: string } {
    const conversation = this.#parts.client.conversation(to).id;
    return { conversation, title: titleOf(conversation, this) };
  }

  /** @throws {CimError} there is no such user or group */
  async find(of: Whom): Promise<Recipient> {
    return 'user' in of ? { user: await this.findUser(of.user) } : this.findGroup(of.group);
  }

  /** Finds a user by name or id, online or not. @throws {CimError} nobody has that name */
  async findUser(to: string): Promise<UserId> {
    const { client, contacts, online } = this.#parts;
    const known = contacts.idOf(to);
    if (known !== undefined) return known;
    await online.meet(to);
    const met = contacts.idOf(to);
    if (met !== undefined) return met;
    try {
      const user = await client.users.byName(to);
      contacts.meet(user);
      return user.userId;
    } catch (error) {
      if (!(error instanceof CimError) || error.code !== CODES.unknownAccount.code) throw error;
      throw new CimError('unknownAccount', `nobody is called "${to}"`);
    }
  }

  /** Finds one of the user's groups by name or id. @throws {CimError} the user has no such group, or several */
  async findGroup(group: string): Promise<Recipient> {
    return { group: (await this.groups.find(group)).id };
  }

  /**
   * Shows something of a group once its name is known, or cannot be found out.
   * @returns undefined when it was shown at once
   */
  named(group: string | undefined, show: () => void): Promise<void> | undefined {
    if (group === undefined || group === LOBBY || this.groups.knows(group)) {
      show();
      return undefined;
    }
    return this.groups.refresh().then(show, show);
  }

  ownGroups(): Promise<GroupInfo[]> {
    const { groups } = this.#parts.client;
    return allPages((after) => groups.list({ limit: PAGE_ITEMS, ...after }));
  }
}
