import { foldName, isUserId, type NamedUser, type UserId } from '@cim/protocol';
import { cleanLine } from './sanitize.ts';

const KEPT = 10_000;
const NAME_CHARACTERS = 64;

/** Whom this client has met: ids of names, names of ids. */
export class Contacts {
  /** By folded name; the oldest goes when there are 10,000. */
  readonly #byName = new Map<string, NamedUser>();
  readonly #byId = new Map<UserId, string>();

  /** A name that is no name here (a server can send anything) is not remembered. */
  meet(user: NamedUser): void {
    if (!isShowable(user.userName)) return;
    const key = foldName(user.userName);
    if (this.#byName.has(key)) return;
    if (this.#byName.size >= KEPT) this.#dropOldest();
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

  names(): string[] {
    return [...this.#byName.values()].map((user) => user.userName);
  }

  #dropOldest(): void {
    for (const [key, user] of this.#byName) {
      this.#byName.delete(key);
      this.#byId.delete(user.userId);
      return;
    }
  }
}

/** Names that Tab puts on the terminal and that errors repeat: of bounded length, and as harmless as they look. */
const isShowable = (name: string): boolean => name.length <= NAME_CHARACTERS && cleanLine(name) === name;
