import type { CimClient, Recipient, SendOutcome } from '@cim/client/node';
import { CimError } from '@cim/protocol';
import type { Command } from './commands.ts';
import type { Contacts } from './contacts.ts';
import type { Conversing } from './conversing.ts';
import { sentId } from './history.ts';
import type { Marks } from './marks.ts';
import type { Screen } from './screen.ts';
import type { Said, View } from './view.ts';

const PIPE_UNANSWERED = 1_000;

/** What is told to the user of a send. */
interface Print {
  /** Shows this user's own message and writes it to the history. @param id of a stored message, see `sentId` */
  show(lines: (view: View) => string[], id?: string): void;
  notice(text: string): void;
  problem(text: string): void;
}

interface SayingParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly contacts: Contacts;
  readonly conversing: Conversing;
  readonly marks: Marks;
  readonly print: Print;
  /** ms since 1970. */
  readonly now: () => number;
}

/** What the user says, now or later, until it is answered. */
export class Saying {
  readonly #parts: SayingParts;
  /** Sends that are not answered. */
  readonly #pending = new Set<Promise<SendOutcome>>();
  /** Texts to be said later: when each was said. */
  readonly #delayed = new Set<Promise<void>>();
  readonly #delays = new Set<NodeJS.Timeout>();
  /** Messages stored. */
  sent = 0;
  /** Messages that were not sent, with those that the chat could not read. */
  failures = 0;

  constructor(parts: SayingParts) {
    this.#parts = parts;
  }

  get unanswered(): number {
    return this.#pending.size;
  }

  async say(command: Extract<Command, { kind: 'private' | 'group' | 'members-only' }>): Promise<void> {
    const { client, contacts, conversing, print, now } = this.#parts;
    const { text } = command;
    const at = now();
    const from = client.user?.userName ?? '';
    if (command.kind === 'group') return this.#send({ group: 'lobby' }, { at, from, private: false, text });
    try {
      if (command.kind === 'members-only') {
        const to = await conversing.findGroup(command.group);
        const group = 'group' in to ? conversing.groupName(to.group) : '';
        return this.#send(to, { at, from, private: false, group, text });
      }
      const user = await conversing.findUser(command.to);
      this.#send({ user }, { at, from, to: contacts.nameOf(user), private: true, text });
    } catch (error) {
      this.failures++;
      print.problem(`not sent: ${error instanceof CimError ? error.message : String(error)}`);
    }
  }

  #send(to: Recipient, said: Said): void {
    const { client, conversing, marks, now, print, screen } = this.#parts;
    const sending = client.send(to, [said.text]);
    this.#pending.add(sending);
    const answered = marks.sent(said.text);
    void sending.then((answer) => {
      answered();
      this.#pending.delete(sending);
      const shown = { ...said, at: now() };
      if (answer.outcome === 'stored') {
        this.sent++;
        conversing.stored(to, answer.id);
        const plainly = marks.mode === 'off' && screen.interactive;
        print.show((on) => (plainly ? on.said(shown) : on.stored(shown)), sentId(to, answer.id));
        if (said.private) marks.stored(answer.ref, said.text);
        return;
      }
      this.failures++;
      const why = answer.outcome === 'unknown' ? `${answer.text}; sent again at the next start` : answer.text;
      print.show((on) => on.failed(shown, why));
    });
  }

  /** Notices it, and calls `say` when it is time. */
  inSeconds(seconds: number, line: string, say: () => Promise<void>): void {
    this.#parts.print.notice(`in ${seconds} s: ${line}`);
    const said = new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#delays.delete(timer);
        void say().then(resolve);
      }, seconds * 1_000);
      this.#delays.add(timer);
    });
    this.#delayed.add(said);
    void said.then(() => this.#delayed.delete(said));
  }

  /** What was to be said later is not said. Answers how much that is. */
  giveUpLater(): number {
    for (const delay of this.#delays) clearTimeout(delay);
    return this.#delays.size;
  }

  /** Resolves when all that was to be said later is said. */
  async later(): Promise<void> {
    await Promise.all(this.#delayed);
  }

  /** Resolves when few enough sends wait for their answer that a pipe may say more. */
  async room(): Promise<void> {
    for (const oldest of this.#pending) {
      if (this.#pending.size <= PIPE_UNANSWERED) break;
      await oldest;
    }
  }

  /** Resolves when every send is answered, or none was for `patienceMs`. */
  async answered(patienceMs: number): Promise<void> {
    for (const oldest of this.#pending) {
      const { promise, timer } = after(patienceMs);
      const answer = await Promise.race([oldest, promise]);
      clearTimeout(timer);
      if (answer === undefined) return;
    }
  }
}

function after(ms: number): { promise: Promise<undefined>; timer: NodeJS.Timeout | undefined } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return { promise, timer };
}
