import { CimError, type NamedUser } from '@cim/protocol';
import { inSlices } from '@cim/runtime';
import type { RouteParts } from './route-parts.ts';

const CACHE_MS = 1_000;

/** The users who are online: the online sets of all listed servers, read at most once a second. */
export class Online {
  readonly #parts: RouteParts;
  #read: { readonly at: number; readonly users: Promise<readonly NamedUser[]> } | undefined;

  constructor(parts: RouteParts) {
    this.#parts = parts;
  }

  /** Users ascending by id, from above `after`. `more`: there are others above the last. */
  async page(limit: number, after: number): Promise<{ users: NamedUser[]; more: boolean }> {
    const now = performance.now();
    if (this.#read === undefined || now - this.#read.at > CACHE_MS) {
      const users = this.#all();
      this.#read = { at: now, users };
      users.catch(() => {
        this.#read = undefined;
      });
    }
    const all = await this.#read.users;
    const above = all.findIndex((user) => user.userId > after);
    if (above < 0) return { users: [], more: false };
    return { users: all.slice(above, above + limit), more: above + limit < all.length };
  }

  /** The JSON of a list of users, made in slices: 100,000 users at once would hold the event loop. */
  async text(users: readonly NamedUser[]): Promise<string> {
    const pieces: string[] = [];
    await inSlices(users, ({ userId, userName }) => {
      pieces.push(`{"userId":${userId},"userName":${JSON.stringify(userName)}}`);
    });
    return `[${pieces.join(',')}]`;
  }

  async #all(): Promise<readonly NamedUser[]> {
    const { membership, store } = this.#parts;
    const instances = membership.members().flatMap(({ instance }) => instance ?? []);
    if (instances.length === 0 && !membership.connected)
      throw new CimError('failure', `who is online is not known: ${membership.description} does not answer`);
    const sets = await Promise.all(instances.map((instance) => store.sessions.online(instance)));
    // A user who moves between two servers may be in both sets.
    const users = new Map<number, NamedUser>();
    for (const set of sets) await inSlices(set, (user) => void users.set(user.userId, user));
    // A typed array of numbers is sorted ten times as fast as users with a comparison.
    const sorted: NamedUser[] = [];
    await inSlices(Float64Array.from(users.keys()).sort(), (id) => {
      const user = users.get(id);
      if (user !== undefined) sorted.push(user);
    });
    return sorted;
  }
}
