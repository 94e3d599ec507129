import type { CimClient, StreamEvent } from '@cim/client/node';
import type { Later } from '../acts/later.ts';
import { count } from '../screen/count.ts';
import type { Placed, Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';
import type { Contacts } from './contacts.ts';
import type { Directory } from './directory.ts';
import type { Marks } from './marks.ts';
import type { ReadMarks } from './read-marks.ts';
import type { Received } from './received.ts';
import { followRestored } from './restored.ts';
import { tellUnread } from './unread.ts';

interface ListeningParts {
  readonly client: CimClient;
  readonly screen: Screen;
  readonly view: View;
  readonly contacts: Contacts;
  readonly directory: Directory;
  readonly received: Received;
  readonly reads: ReadMarks;
  readonly marks: Marks;
  readonly later: Later;
  /** ms since 1970. */
  readonly now: () => number;
  /** What the person is told. */
  readonly print: {
    show(lines: (view: View) => string[], id?: string, placed?: Placed): void;
    notice(text: string): void;
    problem(text: string): void;
  };
  /** The client has ended, by itself or not. */
  readonly closed: (text: string) => void;
  /** The person leaves: nothing is told any more of what was left of last time. */
  readonly isLeaving: () => boolean;
}

/** Shows what the client hears. Begins before the client connects. */
export class Listening {
  readonly #parts: ListeningParts;
  /** Messages received. */
  count = 0;
  #outage = '';

  constructor(parts: ListeningParts) {
    this.#parts = parts;
    this.#messages();
    this.#ownSends();
    this.#connection();
    this.#losses();
  }

  #messages(): void {
    const { client, contacts, directory, received, reads, screen } = this.#parts;
    client.on('message', (message) => {
      contacts.meet(message.from);
      return directory.named(message.group, () => {
        if (received.show(message)) this.count++;
        if (!screen.full) reads.shown(message.conversation, message.n);
      });
    });
    for (const event of ['recalled', 'edited', 'reaction', 'members'] as const)
      client.on(event, (value) => {
        contacts.meet(value.from);
        const shown = { event, value } as Exclude<StreamEvent, { event: 'message' }>;
        return directory.named(value.group, () => received.showEvent(shown));
      });
  }

  /** What became of messages of this user. */
  #ownSends(): void {
    const { client, screen, marks, directory, print, later, isLeaving } = this.#parts;
    followRestored(this.#parts, {
      begun: (sends) =>
        print.notice(`${count(sends, 'message')} of last time not answered then: sent again now`),
      stored: (ref, said, id) => {
        print.show((view) => view.stored(said), id);
        if (said.private) marks.stored(ref, said.text);
      },
      failed: (said, why) => {
        if (!isLeaving()) print.show((view) => view.failed(said, why));
      },
    });
    client.on('delivered', ({ ref, to }) => {
      marks.delivered(ref, to);
      const change = { ref, mark: 'delivered' } as const;
      if (screen.full && marks.mode === 'on')
        screen.print([], { ...directory.placeOf({ user: to }), change });
    });
    client.on('unsent', ({ id, text }) => {
      // The id of a message that waited for a decision; ids of delayed messages have no ":".
      if (id.includes(':'))
        print.problem(`a message of yours that waited for a decision was not sent: ${text}`);
      else print.problem(`what you delayed (number ${later.numberOf(id)}) was not sent: ${text}`);
    });
  }

  #connection(): void {
    const { client, screen, print, later } = this.#parts;
    client.on('connected', ({ server, again }) => {
      this.#outage = '';
      screen.status(true);
      const { userName, userId } = client.user ?? {};
      if (again) print.notice(`connected again, to ${server}`);
      else {
        print.notice(`connected to ${server} as ${userName} (id ${userId}); :all lists the commands`);
        if (screen.interactive) {
          void tellUnread(this.#parts).catch(() => undefined);
          void later.tellUnsent().catch(() => undefined);
        }
      }
    });
    client.on('disconnected', ({ text }) => {
      screen.status(false);
      if (text === this.#outage) return;
      this.#outage = text;
      print.notice(`not connected: ${text}; trying again`);
    });
    client.on('device', ({ device, label }) => {
      print.notice(`you have logged in with another device: ${label === '' ? device : label}`);
    });
    client.on('closed', ({ text }) => this.#parts.closed(text));
  }

  #losses(): void {
    const { client, print } = this.#parts;
    client.on('skipped', ({ kind, from, to, stream }) => {
      const what = stream.startsWith('group:') ? 'group message' : 'private message';
      if (kind === 'reset') print.problem(`the server has lost data: ${what}s may be missing or come again`);
      else if (kind === 'expired') print.problem(`${count(to - from + 1, what)} gone: kept no longer`);
      else print.notice(`${count(to - from + 1, `older ${what}`)} left out`);
    });
    client.on('lost', ({ from, upTo }) => {
      print.problem(`the server has lost ${count(upTo - from + 1, 'message')} of yours that it had stored`);
    });
    client.on('error', ({ error, where }) => {
      print.problem(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}
