import type { NamedUser } from '@cim/protocol';
import type { RouteParts } from './route-parts.ts';

const CACHE_MS = 1_000;

/** Who is online: the online sets of all listed servers, read at most once a second. */
export class Online {
  readonly #parts: RouteParts;
  #read: { readonly at: number; readonly users: Promise<readonly NamedUser[]> } | undefined;

  constructor(parts: RouteParts) {
    this.#parts = parts;
  }

  /** Ascending by user id, from above `after`. */
  async page(limit: number, after: number): Promise<NamedUser[]> {
    const now = performance.now();
    if (this.#read === undefined || now - this.#read.at > CACHE_MS) {
      const users = this.#all();
      this.#read = { at: now, users };
      users.catch(() => {
        this.#read = undefined;
      });
    }
    const users = await this.#read.users;
    return users.filter((user) => user.userId > after).slice(0, limit);
  }

  async #all(): Promise<readonly NamedUser[]> {
    const { membership, store } = this.#parts;
    const instances = membership.members().flatMap((m) => (m.instance === undefined ? [] : [m.instance]));
    const sets = await Promise.all(instances.map((instance) => store.sessions.online(instance)));
    const users = new Map(sets.flat().map((user) => [user.userId, user]));
    return [...users.values()].sort((a, b) => a.userId - b.userId);
  }
}
