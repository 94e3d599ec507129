import type { CimClient, Recipient, ScheduledMessage } from '@cim/client/node';
import type { Command, Say } from '../commands/command.ts';
import { count } from '../screen/count.ts';
import type { Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';

interface LaterParts {
  readonly client: Pick<CimClient, 'scheduled'>;
  readonly screen: Screen;
  readonly view: View;
  /** @param here the conversation that the person is in */
  readonly recipientOf: (say: Say, here: string) => Promise<Recipient>;
  readonly notice: (text: string) => void;
  /** A message could not be scheduled: who wrote it to a pipe is told so at the end. */
  readonly failed: () => void;
}

/** What is to be said later: the servers hold it and say it, also when this terminal is closed by then. */
export class Later {
  readonly #parts: LaterParts;
  /** Ids of scheduled messages, in the order in which they came up here: the first is number 1. A number stays with its message. */
  readonly #numbers: string[] = [];

  constructor(parts: LaterParts) {
    this.#parts = parts;
  }

  /** @returns whether the command is one of these */
  async run(command: Command, here: string): Promise<boolean> {
    switch (command.kind) {
      case 'delay':
        await this.#schedule(command, here).catch((error: unknown) => {
          this.#parts.failed();
          throw error;
        });
        return true;
      case 'delays':
        await this.#list();
        return true;
      case 'cancel':
        await this.#cancel(command.number);
        return true;
      default:
        return false;
    }
  }

  async #schedule({ say, line, seconds }: Extract<Command, { kind: 'delay' }>, here: string): Promise<void> {
    const { client, notice, recipientOf } = this.#parts;
    const to = await recipientOf(say, here);
    const { id } = await client.scheduled.send(to, say.text, { sendAfter: seconds });
    notice(`in ${seconds} s: ${line} (":cancel ${this.numberOf(id)}" takes it back)`);
  }

  async #list(): Promise<void> {
    const { client, screen, view } = this.#parts;
    const all = await client.scheduled.list();
    screen.print([
      ...view.notice(`${count(all.length, 'message')} to be sent later`),
      ...all.flatMap((message) => view.mark(`${this.numberOf(message.id)}  ${described(message)}`)),
    ]);
  }

  async #cancel(number: number): Promise<void> {
    const { client, notice } = this.#parts;
    const id = this.#numbers[number - 1];
    if (id === undefined) return notice(`there is no number ${number}; ":delays" shows them`);
    await client.scheduled.cancel(id);
    notice(`number ${number} is taken back`);
  }

  /** At the start: what was refused while the person was away. */
  async tellUnsent(): Promise<void> {
    const refused = (await this.#parts.client.scheduled.list()).filter(({ state }) => state === 'refused');
    if (refused.length > 0)
      this.#parts.notice(`${count(refused.length, 'delayed message')} not sent; ":delays" says why`);
  }

  /** How the person names a scheduled message. */
  numberOf(id: string): number {
    const at = this.#numbers.indexOf(id);
    return at < 0 ? this.#numbers.push(id) : at + 1;
  }
}

function described({ to, name, texts, sendAt, state, problem }: ScheduledMessage): string {
  const whom = 'user' in to ? `to ${name}` : name === 'lobby' ? 'to everybody' : `to #${name}`;
  const when = new Date(sendAt).toLocaleString('sv-SE');
  const said = texts.join(' ').replaceAll('\n', ' ');
  if (state === 'refused') return `${when}  ${whom}: ${said} (not sent: ${problem?.text ?? ''})`;
  return `${when}  ${whom}: ${said}${state === 'sending' ? ' (being sent)' : ''}`;
}
