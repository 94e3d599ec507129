/**
 * The pass over all sessions. Once in 30 s the im-server asks the store about each of its sessions: is it
 * still the current one of its device, and does its inbox hold entries that were not sent? It closes a
 * session that a newer login has replaced, that was logged out, whose life is over, or that the store has
 * lost. So a lost kick costs at most 30 s.
 */
import { inboxOf, type Seq, type UserId } from '@cim/protocol';
import { type Logger, Slice } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { Session } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { standingOf } from './standing.ts';

/** Length of a pass [ms]. With the store's answer, and sessions that come meanwhile, it stays below 30 s. */
const LOOK_MS = 25_000;
/**
 * Number of portions of a pass. Ten thousand sessions at once would hold up every text for a tenth of a
 * second.
 */
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
  /** Number of sessions that should be visited by now. */
  #due = 0;
  #looking = false;
  /** Whether the last question failed; a failure is logged once. */
  #failing = false;
  #again = false;

  /** @param onTop called for each current session with the top of its user's timeline */
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

  /** Visits all sessions at once. Called when the server serves again. */
  now(): void {
    // The pass under way may have visited sessions already that this one is meant for.
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
          // The sessions of this portion are visited again in the next pass.
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
    // The embedded store answers at once. Without slices the loop would visit all sessions in one go.
    const slice = new Slice();
    for (let i = 0; i < sessions.length; i += BATCH) {
      const batch = sessions.slice(i, i + BATCH);
      const before = batch.map((session) => session.inboxAt);
      // One turn of the event loop is one write: the questions of a batch travel together.
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
 * Yields all sessions, again and again. Sessions added during a pass are visited at its end. A pass visits at
 * most twice the number of sessions, so churn cannot make it endless. Do not call `next` while there is no
 * session.
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
