/**
 * The im-server asks the store about each of its sessions once in 30 s: is it still the user's current one, and has
 * its inbox something that did not go out? It closes a session that a newer login has replaced, that was logged out,
 * whose life is over, or that the store has lost; so a lost kick costs at most 30 s.
 */
import { inboxOf, type Seq, type UserId } from '@cim/protocol';
import { type Logger, Slice } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { Session } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { standingOf } from './standing.ts';

/** A pass over all sessions takes so long [ms]; with the store's answer, and sessions that come meanwhile, less than 30 s. */
const LOOK_MS = 25_000;
/** Not all at once: with ten thousand sessions that would hold up every text for a tenth of a second. */
const PORTIONS = 30;
const BATCH = 500;

export class Look {
  readonly #store: Store;
  readonly #registry: SessionRegistry;
  readonly #logger: Logger;
  readonly #lookMs: number;
  readonly #onTop: (user: UserId, top: Seq) => void;
  #timer: NodeJS.Timeout | undefined;
  readonly #rounds: Iterator<Session, never>;
  /** So many sessions are to be looked at by now. */
  #due = 0;
  #looking = false;
  /** The last one failed, which is logged once. */
  #failing = false;
  #again = false;

  /** @param onTop told of each session that is current: where its user's timeline ends */
  constructor(
    store: Store,
    registry: SessionRegistry,
    logger: Logger,
    onTop: (user: UserId, top: Seq) => void,
    lookMs = LOOK_MS,
  ) {
    this.#onTop = onTop;
    this.#store = store;
    this.#registry = registry;
    this.#logger = logger;
    this.#lookMs = lookMs;
    this.#rounds = rounds(registry);
  }

  start(): void {
    this.#timer = setInterval(() => this.#goOn(), this.#lookMs / PORTIONS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** At all of them, out of turn: the server serves again. */
  now(): void {
    // The one under way may have passed those that this one is for.
    if (this.#looking) this.#again = true;
    else this.#look([...this.#registry.all()]);
  }

  #goOn(): void {
    const { size } = this.#registry;
    this.#due = Math.min(this.#due + size / PORTIONS, size);
    if (this.#looking) return;
    const sessions: Session[] = [];
    for (; this.#due >= 1; this.#due--) sessions.push(this.#rounds.next().value);
    if (sessions.length > 0) this.#look(sessions);
  }

  #look(sessions: readonly Session[]): void {
    this.#looking = true;
    this.#lookAt(sessions)
      .then(
        () => {
          this.#failing = false;
        },
        (error: unknown) => {
          // Those of this portion are met again in the next round.
          if (!this.#failing) this.#logger.warn({ err: error }, 'look.failed');
          this.#failing = true;
        },
      )
      .finally(() => {
        this.#looking = false;
        if (!this.#again) return;
        this.#again = false;
        this.now();
      });
  }

  async #lookAt(sessions: readonly Session[]): Promise<void> {
    // The embedded store answers at once: without slices all sessions would be looked at in one go.
    const slice = new Slice();
    for (let i = 0; i < sessions.length; i += BATCH) {
      const batch = sessions.slice(i, i + BATCH);
      const before = batch.map((session) => session.inboxAt);
      // One turn, one write: the questions of a batch travel together.
      const [current, positions] = await Promise.all([
        this.#store.sessions.epochs(batch),
        this.#store.streams.positions(batch.map((s) => inboxOf(s.userId))),
      ]);
      for (const [k, session] of batch.entries()) {
        if (slice.over) await slice.next();
        const [now, position] = [current[k], positions[k]];
        if (now === undefined || position === undefined) continue;
        const standing = session.endsAt <= Date.now() ? 'expired' : standingOf(session.epoch, now);
        if (standing !== 'current') session.close(standing);
        else {
          session.look(before[k], position);
          this.#onTop(session.userId, position.top);
        }
      }
    }
  }
}

/**
 * All sessions, again and again. Who comes meanwhile is met at the round's end, which does not move away for ever where
 * many come and go. Not to be asked while there is none.
 */
function* rounds(registry: SessionRegistry): Generator<Session, never> {
  for (;;) {
    let left = 2 * registry.size;
    for (const session of registry.all()) {
      yield session;
      if (--left <= 0) break;
    }
  }
}
