import type { MoveRequest, MoveStanding, Moving } from '@cim/delivery';
import type { Logger } from '@cim/runtime';
import type { Session } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Time between two waves [ms]. */
export const WAVE_MS = 100;
/** With `thenExit` the process ends when it had no session for so many waves: a login may just be under way. */
const EMPTY_WAVES = 10;

/** A rebalance ends when there was nothing to give for so many waves: clients that were closed last are still logging in. */
const SETTLED_WAVES = 30;

export interface MoverParts {
  readonly registry: Pick<SessionRegistry, 'all' | 'has' | 'size'>;
  /** Lists this server with what `moving` says now. Resolves when routes can know. */
  readonly announce: () => Promise<void>;
  /** Why no session may move now, for people; '' when nothing is in its way. */
  readonly hindrance: () => string;
  /** Sessions a second, unless the operator says otherwise. */
  readonly rate: number;
  readonly logger: Logger;
  /** No session is left, and the process is to end. */
  readonly exit: () => void;
}

interface Plan {
  readonly moving: Moving;
  readonly rate: number;
  /** Never fewer sessions than this. */
  readonly keep: number;
  readonly thenExit: boolean;
  moved: number;
  /** Sessions that may be asked to move now; grows by the rate. */
  budget: number;
  /** Waves in a row that found no session. */
  empty: number;
}

/**
 * Moves the sessions of this im-server to the others, a few in each wave. A session is closed as a stopping server closes it:
 * its client logs in again, and the route places it elsewhere. A drain moves all sessions, and goes on with those that
 * still come. A rebalance moves sessions of our own wire until as many are left as this server is to keep.
 */
export class Mover {
  readonly #parts: MoverParts;
  #plan: Plan | undefined;
  /** Sessions that were closed and whose channel has not ended yet. Emptied of those that have with each wave. */
  readonly #going = new Set<Session>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** As this server is listed. */
  get moving(): Moving | undefined {
    return this.#plan?.moving;
  }

  /** What an operator asks for, and how it stands then. A rebalance does not take the place of a drain. */
  move({ act, rate = this.#parts.rate, keep = 0, thenExit = false }: MoveRequest): MoveStanding {
    if (act === 'end') this.#end('ended');
    else if (act === 'drain' || (act === 'rebalance' && this.moving !== 'drain')) {
      const fresh = { moved: 0, budget: 0, empty: 0 };
      this.#begin({ moving: act, rate, keep: act === 'drain' ? 0 : keep, thenExit, ...fresh });
    }
    return this.#standing();
  }

  /** The server stops: it sends its sessions away by itself. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(plan: Plan): void {
    const before = this.#plan;
    // Asked for again, with another rate say: what has moved still counts.
    this.#plan = before?.moving === plan.moving ? { ...plan, moved: before.moved } : plan;
    this.stop();
    const { moving, rate, keep, thenExit } = plan;
    this.#parts.logger.info(
      { moving, rate, keep, thenExit, sessions: this.#parts.registry.size },
      'move.begun',
    );
    const listed = this.#plan;
    void this.#announce().then(() => {
      // Not before routes place logins elsewhere: sessions would come back.
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
    // What a wave did not use is not saved up beyond a second: waves stay small.
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

  /** At most so many, and never below what this server is to keep. */
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

  /** How many sessions that were closed are counted by the registry still. */
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

/** CIM's client loses what is on its way when its connection ends: it moves only when it must. */
const moves = ({ moving }: Plan, { wire }: Session): boolean => moving === 'drain' || wire === 'own';
