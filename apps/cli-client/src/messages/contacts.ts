import { foldName, isUserId, type NamedUser, type UserId } from '@cim/protocol';
import { LRUCache } from 'lru-cache';
import { cleanLine } from '@cim/terminal-text';

const KEPT = 10_000;
const NAME_CHARACTERS = 64;

/** Whom this client has met: ids of names, names of ids. */
export class Contacts {
  /** Names of the users in `#byName`. */
  readonly #byId = new Map<UserId, string>();
  /** By folded name; when there are 10,000, the user leaves who was met and named the longest time ago. */
  readonly #byName = new LRUCache<string, NamedUser>({
    max: KEPT,
    dispose: ({ userId }) => this.#byId.delete(userId),
  });

  /** A name that is no name here (a server can send anything) is not remembered. */
  meet(user: NamedUser): void {
    if (!isShowable(user.userName)) return;
    const key = foldName(user.userName);
    if (this.#byName.get(key) !== undefined) return;
    this.#byName.set(key, user);
    this.#byId.set(user.userId, user.userName);
  }

  /** Digits are an id, whoever has it; else a name we met. */
  idOf(to: string): UserId | undefined {
    if (/^\d+$/.test(to)) {
      const id = Number(to);
      return isUserId(id) ? id : undefined;
    }
    return this.#byName.get(foldName(to))?.userId;
  }

  /** Its name, or the id in digits. */
  nameOf(id: UserId): string {
    return this.#byId.get(id) ?? String(id);
  }

  /** Whether a user of that name was met. */
  knows(name: string): boolean {
    return name.length <= NAME_CHARACTERS && this.#byName.has(foldName(name));
  }

  /** Names of known users, the one met or named last first. */
  names(): string[] {
    return [...this.#byName.values()].map((user) => user.userName);
  }
}

/** Names that Tab puts on the terminal and that errors repeat: of bounded length, and as harmless as they look. */
const isShowable = (name: string): boolean => name.length <= NAME_CHARACTERS && cleanLine(name) === name;
