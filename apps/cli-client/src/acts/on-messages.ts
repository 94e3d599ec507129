import type { CimClient, Recipient, SendOutcome, StoredMessage } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import type { Command, Whom } from '../commands/command.ts';
import type { Contacts } from '../messages/contacts.ts';
import type { Directory } from '../messages/directory.ts';
import { count } from '../screen/count.ts';
import type { Screen } from '../screen/screen.ts';
import { storedText, titleOf, type View } from '../screen/view.ts';
import type { Change } from '../screen/window/entry.ts';

const PAGE = 100;
/** Pages that a search reads. */
const PAGES = 10;
const FOUND = 20;
/** Own messages that `:recall` can take back, newest first. */
const RECALLABLE = 100;

export interface OnMessagesParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly contacts: Contacts;
  readonly directory: Directory;
}

/** Changes messages, takes them back, reacts to them, and finds them: mostly those of the conversation that the person is in. */
export class OnMessages {
  readonly #parts: OnMessagesParts;
  /** Own messages that were stored, the newest last. */
  readonly #sent: { readonly to: Recipient; readonly id: string }[] = [];

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

  /** Remembers an own message that was stored, for `:recall`. */
  stored(to: Recipient, id: string): void {
    this.#sent.push({ to, id });
    if (this.#sent.length > RECALLABLE) this.#sent.shift();
  }

  async #recall(): Promise<void> {
    const { client, screen, view } = this.#parts;
    const last = this.#sent.pop();
    if (last === undefined)
      throw new CimError('invalid', 'there is nothing that you sent from here to take back');
    const answer: SendOutcome = await client.conversation(last.to).recall(last.id);
    if (answer.outcome === 'stored') {
      screen.print(view.notice('your last message is taken back'));
      return;
    }
    this.#sent.push(last);
    throw new CimError('invalid', `not taken back: ${answer.text}`);
  }

  async #showConversation(of: Whom, limit: number): Promise<void> {
    const { client, screen, view, contacts, directory } = this.#parts;
    const to = await directory.find(of);
    const { title } = directory.placeOf(to);
    const { items } = await client.conversation(to).messages({ limit });
    for (const { from } of items) contacts.meet(from);
    screen.print([
      ...view.notice(`the newest ${count(items.length, 'message')} with ${title}`),
      ...items.flatMap((message) => view.said(saidOfStored(message))),
    ]);
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
    const { screen, view, directory } = this.#parts;
    screen.print(view.notice(notice), { conversation: here, title: titleOf(here, directory), change });
  }

  async #newest(here: string, is: (message: StoredMessage) => boolean): Promise<StoredMessage | undefined> {
    const { items } = await this.#parts.client.conversation(here).messages({ limit: PAGE });
    return [...items].reverse().find((message) => !message.recalled && is(message));
  }

  /** What both sides said, in the newest 1,000 messages. */
  async #find(here: string, word: string): Promise<void> {
    const { client, screen, view, directory } = this.#parts;
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
        `${count(found.length, 'message')} of ${titleOf(here, directory)} with "${word}"${more}, of the newest ${read}`,
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

/** A message that was taken back stays as a line that says so. */
function saidOfStored(message: StoredMessage) {
  const { from, storedAt, edited, recalled, reactions } = message;
  const said = recalled ? '(taken back)' : storedText(message).text;
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
