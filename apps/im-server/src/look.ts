/** Every 30 s each session is looked at once: is it still the user's current one, and is its stream read to the end? */
import { inboxOf } from '@cim/protocol';
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
    for (let i = 0; i < sessions.length; i += BATCH) {
      const batch = sessions.slice(i, i + BATCH);
      const before = batch.map((session) => session.inboxAt);
      // One turn, one write: the questions of a batch travel together.
      const [epochs, positions] = await Promise.all([
        this.#store.sessions.epochs(batch.map((s) => s.userId)),
        this.#store.streams.positions(batch.map((s) => inboxOf(s.userId))),
      ]);
      batch.forEach((session, k) => {
        const position = positions[k];
        const epoch = epochs[k] ?? 0;
        if (epoch > session.epoch) session.close('superseded');
        // The store has lost it: nobody would find it here. The client comes again.
        else if (epoch < session.epoch) session.close('unavailable');
        else if (position !== undefined) session.look(before[k], position);
      });
    }
  }
}
