import type { CimClient } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import type { Command } from '../commands/command.ts';
import type { Directory } from '../messages/directory.ts';
import type { Ignored } from '../options/ignored.ts';
import { count } from '../screen/count.ts';
import type { Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';

interface AccountActsParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly directory: Directory;
  readonly ignored: Ignored;
}

/** Carries out the commands about the devices of the user, and about users that it does not want to hear. */
export class AccountActs {
  readonly #parts: AccountActsParts;

  constructor(parts: AccountActsParts) {
    this.#parts = parts;
  }

  /** @returns false for a command that is not carried out here. @throws {CimError} why the command failed, in one line */
  async run(command: Command): Promise<boolean> {
    const { client, directory } = this.#parts;
    switch (command.kind) {
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
        const user = await directory.findUser(command.name);
        if (command.kind === 'block') await client.blocks.add(user);
        else await client.blocks.remove(user);
        const blocks = command.kind === 'block' ? 'can send you nothing any more' : 'can send to you again';
        this.#notice(`${directory.userName(user)} ${blocks}; groups that you share are not affected`);
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
      default:
        return false;
    }
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

  #notice(text: string): void {
    this.#parts.screen.print(this.#parts.view.notice(text));
  }
}
