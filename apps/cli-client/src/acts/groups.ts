import type { CimClient } from '@cim/client/node';
import type { Command } from '../commands/command.ts';
import { allPages, PAGE_ITEMS } from '../messages/all-pages.ts';
import type { Directory } from '../messages/directory.ts';
import { count } from '../screen/count.ts';
import type { Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';

/** Members that `:members` names. */
const NAMED_MEMBERS = 100;

interface GroupActsParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly directory: Directory;
}

/** Carries out the commands about groups. */
export class GroupActs {
  readonly #parts: GroupActsParts;

  constructor(parts: GroupActsParts) {
    this.#parts = parts;
  }

  /** @returns false for a command that is not carried out here. @throws {CimError} why the command failed, in one line */
  async run(command: Command): Promise<boolean> {
    const { client, directory } = this.#parts;
    switch (command.kind) {
      case 'groups':
        await this.#listGroups();
        return true;
      case 'new-group': {
        const group = await client.groups.create({ name: command.name, join: command.join });
        directory.groups.meet(group);
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
        directory.groups.meet(group);
        this.#notice(`you are in #${group.name} now; "#${group.name};;hello" says hello there`);
        return true;
      }
      case 'leave': {
        const group = await directory.groups.find(command.group);
        await client.groups.leave(group.id);
        directory.groups.forget(group.id);
        this.#notice(`you have left #${group.name}`);
        return true;
      }
      case 'invite': {
        const user = await directory.findUser(command.name);
        const group = await directory.groups.find(command.group);
        await client.groups.add(group.id, [user]);
        this.#notice(`${directory.userName(user)} is in #${group.name} now`);
        return true;
      }
      case 'remove':
      case 'transfer': {
        const user = await directory.findUser(command.name);
        const group = await directory.groups.find(command.group);
        await client.groups[command.kind](group.id, user);
        const done =
          command.kind === 'remove' ? `is not in #${group.name} any more` : `owns #${group.name} now`;
        this.#notice(`${directory.userName(user)} ${done}`);
        return true;
      }
      case 'disband': {
        const group = await directory.groups.find(command.group);
        await client.groups.disband(group.id);
        directory.groups.forget(group.id);
        this.#notice(`#${group.name} is disbanded`);
        return true;
      }
      case 'members':
        await this.#listMembers(command.group);
        return true;
      default:
        return false;
    }
  }

  async #listGroups(): Promise<void> {
    const { client, screen, view, directory } = this.#parts;
    const [groups, conversations] = await Promise.all([
      directory.ownGroups(),
      allPages(({ after }) =>
        client.conversations({ limit: PAGE_ITEMS, ...(after !== undefined && { before: after }) }),
      ),
    ]);
    directory.groups.learn(groups);
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
    const { client, screen, view, directory } = this.#parts;
    const group = await directory.groups.find(token);
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

  #notice(text: string): void {
    this.#parts.screen.print(this.#parts.view.notice(text));
  }
}
