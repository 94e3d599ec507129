import type { CimClient, SendOutcome, StoredMessage } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import type { Command } from './commands.ts';
import { count } from './count.ts';
import type { Screen } from './screen.ts';
import { type Names, titleOf, type View } from './view.ts';
import type { Change } from './window/entry.ts';

const PAGE = 100;
/** Pages that a search reads. */
const PAGES = 10;
const FOUND = 20;

export interface OnMessagesParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly names: Names;
}

/** Changes messages of the conversation that the person is in, reacts to them, and finds them. */
export class OnMessages {
  readonly #parts: OnMessagesParts;

  constructor(parts: OnMessagesParts) {
    this.#parts = parts;
  }

  /** @returns false for a command that is not carried out here. @throws {CimError} why it failed, in one line */
  async run(command: Command, here: string): Promise<boolean> {
    switch (command.kind) {
      case 'edit':
        await this.#edit(here, command.text);
        return true;
      case 'react':
        await this.#react(here, command.reaction);
        return true;
      case 'find':
        await this.#find(here, command.word);
        return true;
      default:
        return false;
    }
  }

  async #edit(here: string, text: string): Promise<void> {
    const { client } = this.#parts;
    const last = await this.#newest(here, ({ from }) => from.userId === client.user?.userId);
    if (last === undefined) throw new CimError('invalid', 'there is no message of yours here to change');
    stored(await client.conversation(here).edit(last.id, text), 'changed');
    this.#changed(here, 'your last message is changed', { id: last.id, text });
  }

  async #react(here: string, reaction: string): Promise<void> {
    const { client } = this.#parts;
    const last = await this.#newest(here, ({ from }) => from.userId !== client.user?.userId);
    if (last === undefined) throw new CimError('invalid', 'there is no message of others here to react to');
    stored(await client.conversation(here).react(last.id, reaction), 'stored');
    const user = client.user?.userId ?? 0;
    this.#changed(here, `you react to ${last.from.userName}: ${reaction}`, { id: last.id, user, reaction });
  }

  /** A full screen shows the change where the message stands. */
  #changed(here: string, notice: string, change: Change): void {
    const { screen, view, names } = this.#parts;
    screen.print(view.notice(notice), { conversation: here, title: titleOf(here, names), change });
  }

  async #newest(here: string, is: (message: StoredMessage) => boolean): Promise<StoredMessage | undefined> {
    const { items } = await this.#parts.client.conversation(here).messages({ limit: PAGE });
    return [...items].reverse().find((message) => !message.recalled && is(message));
  }

  /** What both sides said, in the newest 1,000 messages. */
  async #find(here: string, word: string): Promise<void> {
    const { client, screen, view, names } = this.#parts;
    const wanted = word.toLowerCase();
    const found: StoredMessage[] = [];
    let before: string | undefined;
    let read = 0;
    for (let page = 0; page < PAGES && found.length < FOUND; page++) {
      const answer = await client
        .conversation(here)
        .messages({ limit: PAGE, ...(before !== undefined && { before }) });
      read += answer.items.length;
      found.unshift(
        ...answer.items.filter(({ texts }) => texts.some((text) => text.toLowerCase().includes(wanted))),
      );
      before = answer.before;
      if (before === undefined || answer.items.length === 0) break;
    }
    const shown = found.slice(-FOUND);
    const more = found.length > FOUND ? `, the newest ${FOUND} of them` : '';
    screen.print([
      ...view.notice(
        `${count(found.length, 'message')} of ${titleOf(here, names)} with "${word}"${more}, of the newest ${read}`,
      ),
      ...shown.flatMap(({ storedAt, from, texts }) =>
        view.said({ at: storedAt, from: from.userName, private: false, text: texts.join('\n') }, '', word),
      ),
    ]);
  }
}

function stored(answer: SendOutcome, done: string): void {
  if (answer.outcome !== 'stored') throw new CimError('invalid', `not ${done}: ${answer.text}`);
}
