import type { CimClient, Recipient, SendOutcome } from '@cim/client/node';
import { CimError, LOBBY, type UserId } from '@cim/protocol';
import type { Say } from '../commands/command.ts';
import type { Contacts } from './contacts.ts';
import type { Directory } from './directory.ts';
import { sentId } from '../files/history.ts';
import type { Marks } from './marks.ts';
import type { Placed, Screen } from '../screen/screen.ts';
import type { Spoken } from '../screen/window/entry.ts';
import type { Said, View } from '../screen/view.ts';

const PIPE_UNANSWERED = 1_000;

/** What is told to the user of a send. */
interface Print {
  /** Shows this user's own message and writes it to the history. @param id of a stored message, see `sentId` */
  show(lines: (view: View) => string[], id?: string, placed?: Placed): void;
  notice(text: string): void;
  problem(text: string): void;
}

interface SayingParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly contacts: Contacts;
  readonly directory: Directory;
  /** Is told of each message that was stored. */
  readonly stored: (to: Recipient, id: string) => void;
  readonly marks: Marks;
  readonly print: Print;
  /** ms since 1970. */
  readonly now: () => number;
}

/** What the user says, until it is answered. */
export class Saying {
  readonly #parts: SayingParts;
  /** Sends that are not answered. */
  readonly #pending = new Set<Promise<SendOutcome>>();
  /** Own messages so far, for the screen. */
  #keys = 0;
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

  /** @param here the conversation that the person is in; '' when it was not found */
  async say(command: Say, here: string): Promise<void> {
    try {
      this.#send(await this.recipientOf(command, here), command.text);
    } catch (error) {
      this.failures++;
      this.#parts.print.problem(`not sent: ${error instanceof CimError ? error.message : String(error)}`);
    }
  }

  /** @param here as `say` has it */
  async recipientOf(command: Say, here: string): Promise<Recipient> {
    const { client, directory } = this.#parts;
    switch (command.kind) {
      case 'group':
        return { group: LOBBY };
      case 'members-only':
        return directory.findGroup(command.group);
      case 'private':
        return { user: await directory.findUser(command.to) };
      case 'here':
        if (here === '') throw new CimError('invalid', 'the ":to" before it found nobody');
        return client.conversation(here).to;
    }
  }

  #send(to: Recipient, text: string): void {
    const { client, directory, marks, now, print, screen, view } = this.#parts;
    const said = this.#saidOf(to, text);
    const place = directory.placeOf(to);
    const key = ++this.#keys;
    const spoken = (of: Partial<Spoken>): Placed => ({
      ...place,
      message: { kind: 'said', at: said.at, from: said.from, own: true, text, id: '', n: 0, key, ...of },
    });
    screen.print([], spoken({ mark: 'sending' }));
    const isElsewhere = screen.full && place.conversation !== screen.here;
    if (isElsewhere) screen.print(view.mark(`-> ${place.title}: ${text}`));
    const sending = client.send(to, [text]);
    this.#pending.add(sending);
    const answered = marks.sent(text);
    void sending.then((answer) => {
      answered();
      this.#pending.delete(sending);
      const shown = { ...said, at: now() };
      if (answer.outcome === 'stored') {
        this.sent++;
        this.#parts.stored(to, answer.id);
        const plainly = marks.mode === 'off' && screen.interactive;
        const { id, n, ref } = answer;
        print.show(
          (on) => (plainly ? on.said(shown) : on.stored(shown)),
          sentId(to, id),
          // The n of a private message is the other side's.
          spoken({ id, n: said.private ? 0 : n, ref, ...(plainly ? {} : { mark: 'stored' }) }),
        );
        if (said.private) marks.stored(ref, text);
        return;
      }
      this.failures++;
      const why = answer.outcome === 'unknown' ? `${answer.text}; sent again at the next start` : answer.text;
      print.show((on) => on.failed(shown, why), '', spoken({ mark: 'failed', why }));
      if (isElsewhere) print.problem(`not sent to ${place.title}: ${why}`);
    });
  }

  #saidOf(to: Recipient, text: string): Said {
    const { client, contacts, directory, now } = this.#parts;
    const base = { at: now(), from: client.user?.userName ?? '', text };
    if ('user' in to) return { ...base, private: true, to: contacts.nameOf(to.user as UserId) };
    return { ...base, private: false, ...(to.group !== LOBBY && { group: directory.groupName(to.group) }) };
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
