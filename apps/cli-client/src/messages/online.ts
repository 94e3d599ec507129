import { setImmediate } from 'node:timers/promises';
import { foldName, type NamedUser } from '@cim/protocol';
import type { Contacts } from './contacts.ts';

/** Users shown of a list; their names are sorted up to this number. */
const SHOWN = 100;
/** Names compared in one piece of work: there may be hundreds of thousands online. */
const PIECE = 2_000;

/** Some of those who are online. */
export interface OnlineList {
  /** At most 100. */
  readonly users: readonly NamedUser[];
  readonly total: number;
}

/** Questions about who is online, which hold the event loop for milliseconds however many there are. */
export class Online {
  readonly #ask: () => Promise<readonly NamedUser[]>;
  readonly #contacts: Contacts;

  constructor(ask: () => Promise<readonly NamedUser[]>, contacts: Contacts) {
    this.#ask = ask;
    this.#contacts = contacts;
  }

  /** Online users whose name begins with the prefix, case ignored; '' lists all. */
  async list(prefix = ''): Promise<OnlineList> {
    const wanted = foldName(prefix);
    const shown: NamedUser[] = [];
    let total = 0;
    await this.#each((user) => {
      if (wanted !== '' && !foldName(user.userName).startsWith(wanted)) return;
      total++;
      if (shown.length < SHOWN) shown.push(user);
    });
    for (const user of shown) this.#contacts.meet(user);
    return { users: shown.sort((a, b) => a.userName.localeCompare(b.userName)), total };
  }

  /** Remembers the one of that name as a contact, when there is one. */
  async meet(name: string): Promise<void> {
    const wanted = foldName(name);
    await this.#each((user) => {
      if (foldName(user.userName) === wanted) this.#contacts.meet(user);
    });
  }

  async #each(visit: (user: NamedUser) => void): Promise<void> {
    const users = await this.#ask();
    for (let at = 0; at < users.length; at += PIECE) {
      for (const user of users.slice(at, at + PIECE)) visit(user);
      await setImmediate();
    }
  }
}
