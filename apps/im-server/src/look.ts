/** Every 30 s each session is looked at once: is it still the user's current one, and is its stream read to the end? */
import type { GroupId, Seq } from '@cim/protocol';
import { groupStream, LOBBY } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { SessionRegistry } from './session-registry.ts';

const LOOK_MS = 30_000;
const BATCH = 500;

export class Look {
  readonly #store: Store;
  readonly #registry: SessionRegistry;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #again = false;

  constructor(store: Store, registry: SessionRegistry, logger: Logger) {
    this.#store = store;
    this.#registry = registry;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setInterval(() => this.now(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Out of turn: the server serves again. */
  now(): void {
    if (this.#looking) {
      // The one under way may have passed those that this one is for.
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#look()
      .catch((error: unknown) => this.#logger.warn({ err: error }, 'look.failed'))
      .finally(() => {
        this.#looking = false;
        if (!this.#again) return;
        this.#again = false;
        this.now();
      });
  }

  async #look(): Promise<void> {
    const sessions = [...this.#registry.all()];
    if (sessions.length === 0) return;
    const lobby = await this.#store.streams.position(groupStream(LOBBY));
    const groups = new Map<GroupId, Seq>([[LOBBY, lobby.top]]);
    for (let i = 0; i < sessions.length; i += BATCH) {
      const batch = sessions.slice(i, i + BATCH);
      const epochs = await this.#store.sessions.epochs(batch.map((s) => s.userId));
      batch.forEach((session, k) => {
        if ((epochs[k] ?? 0) > session.epoch) session.close('superseded');
        else session.look(groups);
      });
    }
  }
}
