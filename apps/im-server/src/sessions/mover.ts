import type { MoveRequest, MoveStanding, Moving } from '@cim/delivery';
import type { Logger } from '@cim/runtime';
import type { Session } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Time between two waves [ms]. */
export const WAVE_MS = 100;
/** With `thenExit` the process ends after this many waves without a session: a login may be under way. */
const EMPTY_WAVES = 10;

/**
 * A rebalance ends after this many waves without a session to close: the clients closed last are still
 * logging in.
 */
const SETTLED_WAVES = 30;

export interface MoverParts {
  readonly registry: Pick<SessionRegistry, 'all' | 'has' | 'size'>;
  /** Lists this server with the present `moving`. Resolves when routes can know it. */
  readonly announce: () => Promise<void>;
  /** Why no session may move now, for people; '' when nothing prevents it. */
  readonly hindrance: () => string;
  /** Sessions per second, unless the operator names another rate. */
  readonly rate: number;
  readonly logger: Logger;
  /** Called when no session is left and the process is to end. */
  readonly exit: () => void;
}

interface Plan {
  readonly moving: Moving;
  readonly rate: number;
  /** The server keeps at least this many sessions. */
  readonly keep: number;
  readonly thenExit: boolean;
  moved: number;
  /** Sessions that may be closed now. It grows by the rate. */
  budget: number;
  /** Number of consecutive waves that found no session. */
  empty: number;
}

/**
 * Moves the sessions of this im-server to others, a few in each wave. It closes a session as a stopping
 * server does: the client logs in again, and the route places it elsewhere. A drain moves all sessions, also
 * those that still come. A rebalance moves sessions of our own wire until the number that this server is to
 * keep is left.
 */
export class Mover {
  readonly #parts: MoverParts;
  #plan: Plan | undefined;
  /** Closed sessions whose channel has not ended yet. Each wave removes those whose channel has ended. */
  readonly #going = new Set<Session>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** The value of `moving` that this server is listed with. */
  get moving(): Moving | undefined {
    return this.#plan?.moving;
  }

  /**
   * Carries out an operator's request, and answers the state after it. A rebalance does not replace a drain.
   */
  move({ act, rate = this.#parts.rate, keep = 0, thenExit = false }: MoveRequest): MoveStanding {
    if (act === 'end') this.#end('ended');
    else if (act === 'drain' || (act === 'rebalance' && this.moving !== 'drain')) {
      const fresh = { moved: 0, budget: 0, empty: 0 };
      this.#begin({ moving: act, rate, keep: act === 'drain' ? 0 : keep, thenExit, ...fresh });
    }
    return this.#standing();
  }

  /** Ends the move, because the server stops and sends all sessions away itself. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(plan: Plan): void {
    const before = this.#plan;
    // A repeated request, perhaps with another rate, keeps the count of moved sessions.
    this.#plan = before?.moving === plan.moving ? { ...plan, moved: before.moved } : plan;
    this.stop();
    const { moving, rate, keep, thenExit } = plan;
    this.#parts.logger.info(
      { moving, rate, keep, thenExit, sessions: this.#parts.registry.size },
      'move.begun',
    );
    const listed = this.#plan;
    void this.#announce().then(() => {
      // Waits until routes place logins elsewhere. Otherwise sessions would come back here.
      if (this.#plan === listed) this.#timer = setInterval(() => this.#wave(listed), WAVE_MS);
    });
  }

  #end(why: 'ended' | 'done'): void {
    const plan = this.#plan;
    if (plan === undefined) return;
    this.stop();
    this.#plan = undefined;
    const { moving, moved } = plan;
    this.#parts.logger.info({ moving, moved, why, sessions: this.#parts.registry.size }, 'move.ended');
    void this.#announce();
  }

  async #announce(): Promise<void> {
    try {
      await this.#parts.announce();
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'move.not-listed');
    }
  }

  #wave(plan: Plan): void {
    if (this.#left(plan) === 0) {
      plan.empty++;
      if (plan.moving === 'rebalance') {
        if (plan.empty === SETTLED_WAVES) this.#end('done');
      } else if (plan.empty === EMPTY_WAVES) this.#drained(plan);
      return;
    }
    plan.empty = 0;
    if (this.#parts.hindrance() !== '') return;
    // The unused budget of waves never exceeds one second, so that waves stay small.
    plan.budget = Math.min(plan.budget + (plan.rate * WAVE_MS) / 1_000, Math.max(plan.rate, 1));
    for (const session of this.#nextOf(plan, Math.floor(plan.budget))) {
      this.#going.add(session);
      plan.budget--;
      plan.moved++;
      session.close('draining');
    }
  }

  #drained({ moved, thenExit }: Plan): void {
    this.#parts.logger.info({ moved, thenExit }, 'move.drained');
    if (thenExit) this.#parts.exit();
  }

  /** At most this many sessions, and none below the number that this server is to keep. */
  #nextOf(plan: Plan, most: number): Session[] {
    const { registry } = this.#parts;
    const next: Session[] = [];
    const count = Math.min(most, registry.size - this.#stillGoing() - plan.keep);
    if (count <= 0) return next;
    for (const session of registry.all()) {
      if (!moves(plan, session) || this.#going.has(session)) continue;
      next.push(session);
      if (next.length === count) break;
    }
    return next;
  }

  /** Number of closed sessions that the registry still counts. */
  #stillGoing(): number {
    for (const session of this.#going) if (!this.#parts.registry.has(session)) this.#going.delete(session);
    return this.#going.size;
  }

  #left(plan: Plan): number {
    const { registry } = this.#parts;
    if (plan.moving === 'drain') return registry.size;
    const surplus = registry.size - this.#stillGoing() - plan.keep;
    return Math.max(0, Math.min(surplus, this.#count().own - this.#going.size));
  }

  #count(): { readonly own: number; readonly cim: number } {
    let cim = 0;
    for (const { wire } of this.#parts.registry.all()) if (wire === 'cim') cim++;
    return { own: this.#parts.registry.size - cim, cim };
  }

  #standing(): MoveStanding {
    const plan = this.#plan;
    const counts = this.#count();
    if (plan === undefined)
      return {
        ...{ moving: undefined, ...counts, left: 0, moved: 0 },
        ...{ rate: this.#parts.rate, thenExit: false, waits: '' },
      };
    const { moving, moved, rate, thenExit } = plan;
    const left = this.#left(plan);
    return {
      ...{ moving, ...counts, left, moved, rate, thenExit },
      waits: left === 0 ? '' : this.#parts.hindrance(),
    };
  }
}

/** CIM's client loses messages on their way when its connection ends, so it moves only in a drain. */
const moves = ({ moving }: Plan, { wire }: Session): boolean => moving === 'drain' || wire === 'own';
