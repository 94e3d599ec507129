import type {
  CimClient,
  ConversationInfo,
  GroupInfo,
  Recipient,
  SendOutcome,
  StoredMessage,
} from '@cim/client/node';
import { CimError, CODES, LOBBY, type UserId } from '@cim/protocol';
import type { Command } from './commands.ts';
import type { Contacts } from './contacts.ts';
import { count } from './count.ts';
import { GroupNames } from './group-names.ts';
import type { Ignored } from './options/ignored.ts';
import type { Online } from './online.ts';
import { LOBBY_CONVERSATION, type Screen } from './screen.ts';
import { type Names, titleOf, type View } from './view.ts';

/** Pages of groups, members and conversations that a command asks for at most. */
const PAGES = 10;
const PAGE_ITEMS = 100;
/** Members that `:members` names. */
const NAMED_MEMBERS = 100;
/** Own messages that `:recall` can take back, newest first. */
const RECALLABLE = 100;
/** The client moves read marks this long after it has shown a message [ms]. Messages that it shows meanwhile share the call. */
const READ_AFTER_MS = 1_000;
const UNREAD_NAMED = 10;
/** Conversations that a full screen has from its start. */
const OPENED = 9;

export interface ConversingParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly contacts: Contacts;
  readonly online: Online;
  readonly ignored: Ignored;
}

interface Sent {
  readonly to: Recipient;
  readonly id: string;
}

/** Carries out the commands about groups, devices, histories and recalls, and moves read marks. */
export class Conversing implements Names {
  readonly #parts: ConversingParts;
  readonly #groups: GroupNames;
  /** Own messages that were stored, the newest last. */
  readonly #sent: Sent[] = [];
  /** Key: conversation. n of the newest message shown that is not marked as read yet. */
  readonly #shown = new Map<string, number>();
  #readTimer: NodeJS.Timeout | undefined;

  constructor(parts: ConversingParts) {
    this.#parts = parts;
    this.#groups = new GroupNames(() => this.#ownGroups());
  }

  userName(id: UserId): string {
    return this.#parts.contacts.nameOf(id);
  }

  groupName(id: string): string {
    return this.#groups.nameOf(id);
  }

  /** Where a message stands, and what people call that. */
  placeOf(to: Recipient): { readonly conversation: string; readonly title: string } {
    const conversation = this.#parts.client.conversation(to).id;
    return { conversation, title: titleOf(conversation, this) };
  }

  /** Goes to a conversation, or back to everybody's. @throws {CimError} there is none */
  async go(of: Extract<Command, { kind: 'to' }>['of']): Promise<string> {
    const to =
      of === undefined
        ? { group: LOBBY }
        : 'user' in of
          ? { user: await this.findUser(of.user) }
          : await this.findGroup(of.group);
    const { conversation, title } = this.placeOf(to);
    const { screen } = this.#parts;
    screen.go(conversation, title);
    if (!screen.full) this.#notice(`what you type goes to ${title} now`);
    return conversation;
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
    return { group: (await this.#groups.find(group)).id };
  }

  /**
   * Shows something of a group once its name is known, or cannot be found out.
   * @returns undefined when it was shown at once
   */
  named(group: string | undefined, show: () => void): Promise<void> | undefined {
    if (group === undefined || group === LOBBY || this.#groups.knows(group)) {
      show();
      return undefined;
    }
    return this.#groups.refresh().then(show, show);
  }

  /** Remembers an own message that was stored, for `:recall`. */
  stored(to: Recipient, id: string): void {
    this.#sent.push({ to, id });
    if (this.#sent.length > RECALLABLE) this.#sent.shift();
  }

  /** Tells that a message is on the screen, so that the read mark moves. A pipe shows nothing to anybody, and moves none. */
  shown(conversation: string, n: number): void {
    if (!this.#parts.screen.interactive || n === 0) return;
    this.#shown.set(conversation, Math.max(n, this.#shown.get(conversation) ?? 0));
    this.#readTimer ??= setTimeout(() => {
      this.#readTimer = undefined;
      void this.#markRead();
    }, READ_AFTER_MS);
  }

  /** Prints which conversations have unread messages. Called once, after the first connect. */
  async tellUnread(): Promise<void> {
    const { client, view, screen } = this.#parts;
    await this.#groups.refresh();
    const { items } = await client.conversations({ limit: PAGE_ITEMS });
    if (screen.full) return this.#openAreas(items);
    const unread = items.filter((one) => one.unread > 0);
    if (unread.length === 0) return;
    const named = unread
      .slice(0, UNREAD_NAMED)
      .map(({ id, name, unread: n }) => `${nameOfConversation(id, name)} ${n}`);
    const more = unread.length > UNREAD_NAMED ? `, and ${unread.length - UNREAD_NAMED} more` : '';
    screen.print(view.notice(`unread: ${named.join(', ')}${more}`));
  }

  /** Those with something unread, and some of the newest. */
  #openAreas(items: readonly ConversationInfo[]): void {
    for (const [at, { id, name, unread, n }] of items.entries())
      if (at < OPENED || unread > 0)
        this.#parts.screen.learn(
          { conversation: id, title: nameOfConversation(id, name) },
          { unread: { count: unread, n } },
        );
  }

  /** Writes read marks that wait. */
  async stop(): Promise<void> {
    clearTimeout(this.#readTimer);
    await this.#markRead();
  }

  /** @returns false for a command that is not carried out here. @throws {CimError} why the command failed, in one line */
  async run(command: Command): Promise<boolean> {
    const { client } = this.#parts;
    switch (command.kind) {
      case 'groups':
        await this.#listGroups();
        return true;
      case 'new-group': {
        const group = await client.groups.create({ name: command.name, join: command.join });
        this.#groups.meet(group);
        this.#notice(
          command.join === 'open'
            ? `#${group.name} is made; anybody may join it with ":join ${group.id}"`
            : `#${group.name} is made (id ${group.id}); ":invite NAME" adds somebody`,
        );
        return true;
      }
      case 'join': {
        await client.groups.join(command.group);
        const group = await client.groups.get(command.group);
        this.#groups.meet(group);
        this.#notice(`you are in #${group.name} now; "#${group.name};;hello" says hello there`);
        return true;
      }
      case 'leave': {
        const group = await this.#groups.find(command.group);
        await client.groups.leave(group.id);
        this.#groups.forget(group.id);
        this.#notice(`you have left #${group.name}`);
        return true;
      }
      case 'invite': {
        const user = await this.findUser(command.name);
        const group = await this.#groups.find(command.group);
        await client.groups.add(group.id, [user]);
        this.#notice(`${this.userName(user)} is in #${group.name} now`);
        return true;
      }
      case 'members':
        await this.#listMembers(command.group);
        return true;
      case 'devices':
        await this.#listDevices();
        return true;
      case 'end-device':
        await client.devices.end(command.device);
        this.#notice(`the device ${command.device} is logged out`);
        return true;
      case 'blocks':
        await this.#listBlocks();
        return true;
      case 'block':
      case 'unblock': {
        const user = await this.findUser(command.name);
        if (command.kind === 'block') await client.blocks.add(user);
        else await client.blocks.remove(user);
        const blocks = command.kind === 'block' ? 'can send you nothing any more' : 'can send to you again';
        this.#notice(`${this.userName(user)} ${blocks}; groups that you share are not affected`);
        return true;
      }
      case 'ignores':
        this.#listIgnored();
        return true;
      case 'ignore':
        this.#parts.ignored.add(command.name);
        this.#notice(`nothing of ${command.name} is shown in this terminal from now on`);
        return true;
      case 'unignore':
        if (!this.#parts.ignored.remove(command.name))
          throw new CimError('invalid', `"${command.name}" is not ignored; ":ignore" lists who is`);
        this.#notice(`what ${command.name} says is shown again`);
        return true;
      case 'recall':
        await this.#recall();
        return true;
      case 'history':
        if (command.of === undefined) return false;
        await this.#showConversation(command.of, command.count);
        return true;
      default:
        return false;
    }
  }

  async #ownGroups(): Promise<GroupInfo[]> {
    const { groups } = this.#parts.client;
    return allPages((after) => groups.list({ limit: PAGE_ITEMS, ...after }));
  }

  async #listGroups(): Promise<void> {
    const { client, screen, view } = this.#parts;
    const [groups, conversations] = await Promise.all([
      this.#ownGroups(),
      allPages(({ after }) =>
        client.conversations({ limit: PAGE_ITEMS, ...(after !== undefined && { before: after }) }),
      ),
    ]);
    this.#groups.learn(groups);
    const unread = new Map(conversations.map((one) => [one.id, one.unread]));
    screen.print([
      ...view.notice(`you are in ${count(groups.length, 'group')}`),
      ...groups.flatMap(({ id, name, members, join, category }) => {
        const waiting = unread.get(`g${id}`) ?? 0;
        const facts = [
          count(members, 'member'),
          ...(join === 'open' ? ['open'] : []),
          ...(category === '' ? [] : [category]),
          ...(waiting > 0 ? [`${waiting} unread`] : []),
        ];
        return view.mark(`#${name} (id ${id}): ${facts.join(', ')}`);
      }),
    ]);
  }

  async #listMembers(token: string | undefined): Promise<void> {
    const { client, screen, view } = this.#parts;
    const group = await this.#groups.find(token);
    const [{ items }, { members }] = await Promise.all([
      client.groups.members(group.id, { limit: NAMED_MEMBERS }),
      client.groups.get(group.id),
    ]);
    const some = items.length < members ? `, ${items.length} of them` : '';
    screen.print([
      ...view.notice(`#${group.name} has ${count(members, 'member')}${some}`),
      ...items.flatMap(({ userId, userName, role, muted }) =>
        view.mark(
          `${userId}  ${userName}${role === 'member' ? '' : `, ${role}`}${muted ? ', may not write' : ''}`,
        ),
      ),
    ]);
  }

  async #listDevices(): Promise<void> {
    const { client, screen, view } = this.#parts;
    const devices = await client.devices.list();
    screen.print([
      ...view.notice(`you are logged in with ${count(devices.length, 'device')}`),
      ...devices.flatMap(({ device, label, online }) =>
        view.mark(`${device}  ${label === '' ? 'no label' : label}${online ? ', connected' : ''}`),
      ),
    ]);
  }

  async #listBlocks(): Promise<void> {
    const { client, screen, view } = this.#parts;
    const blocked = await client.blocks.list();
    screen.print([
      ...view.notice(`you have blocked ${count(blocked.length, 'user')}`),
      ...blocked.flatMap(({ userId, userName }) => view.mark(`${userId}  ${userName}`)),
    ]);
  }

  #listIgnored(): void {
    const { screen, view, ignored } = this.#parts;
    screen.print([
      ...view.notice(`you ignore ${count(ignored.names.length, 'user')}`),
      ...ignored.names.flatMap((name) => view.mark(name)),
    ]);
  }

  async #recall(): Promise<void> {
    const last = this.#sent.pop();
    if (last === undefined)
      throw new CimError('invalid', 'there is nothing that you sent from here to take back');
    const answer: SendOutcome = await this.#parts.client.conversation(last.to).recall(last.id);
    if (answer.outcome === 'stored') return this.#notice('your last message is taken back');
    this.#sent.push(last);
    throw new CimError('invalid', `not taken back: ${answer.text}`);
  }

  async #showConversation(of: { user: string } | { group: string }, limit: number): Promise<void> {
    const { client, screen, view, contacts } = this.#parts;
    const to: Recipient =
      'user' in of ? { user: await this.findUser(of.user) } : await this.findGroup(of.group);
    const name = 'user' in to ? this.userName(to.user as UserId) : `#${this.groupName(to.group)}`;
    const { items } = await client.conversation(to).messages({ limit });
    for (const { from } of items) contacts.meet(from);
    screen.print([
      ...view.notice(`the newest ${count(items.length, 'message')} with ${name}`),
      ...items.flatMap((message) => view.said(saidOfStored(message))),
    ]);
  }

  async #markRead(): Promise<void> {
    const shown = [...this.#shown];
    this.#shown.clear();
    for (const [conversation, n] of shown) {
      // A mark that is not written is written with the next message.
      await this.#parts.client
        .conversation(conversation)
        .read(n)
        .catch(() => undefined);
    }
  }

  #notice(text: string): void {
    this.#parts.screen.print(this.#parts.view.notice(text));
  }
}

const nameOfConversation = (id: string, name: string): string =>
  id === LOBBY_CONVERSATION ? 'everybody' : id.startsWith('g') ? `#${name}` : name;

/** A message that was taken back stays as a line that says so. */
function saidOfStored({ from, texts, type, storedAt, edited, recalled, reactions }: StoredMessage) {
  const said = recalled ? '(taken back)' : texts.length > 0 ? texts.join('\n') : `[${type}]`;
  const marks = [
    ...(edited ? ['(changed)'] : []),
    ...reactions.map(({ reaction, users }) => `${reaction} ${users.length}`),
  ];
  return {
    at: storedAt,
    from: from.userName,
    private: false,
    text: marks.length === 0 ? said : `${said}  ${marks.join(' ')}`,
  };
}

async function allPages<T>(
  page: (of: {
    readonly after?: string;
  }) => Promise<{ readonly items: readonly T[]; readonly next?: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (let i = 0; i < PAGES; i++) {
    const { items, next } = await page(after === undefined ? {} : { after });
    all.push(...items);
    if (next === undefined) break;
    after = next;
  }
  return all;
}
