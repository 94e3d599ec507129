/**
 * The periodic work of an im-server for its groups. It reads their tops in portions, once in 30 s. It tells
 * the store which groups it is rung for. It has the store complete the users' sides of changes that a crash
 * has interrupted.
 */
import type { UserId } from '@cim/protocol';
import { inSlices, type RareWarning } from '@cim/runtime';
import type { Groups } from '@cim/store';
import type { GroupLog } from '../subscriptions/group-log.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Interest } from '../subscriptions/interest.ts';

/** Length of a pass over all groups [ms]. */
const LOOK_MS = 25_000;
const PORTIONS = 30;
/** Time between two renewals of the interest [ms]: a third of `FOLLOW_MS`. */
const RENEW_MS = 10 * 60_000;
const SETTLE_MS = 30_000;

export interface GroupWatchParts {
  readonly logs: Pick<GroupLogs, 'all' | 'size'>;
  readonly interest: Pick<Interest, 'renew'>;
  readonly groups: Pick<Groups, 'settle'>;
  /** Makes the sessions of these users find out which groups they follow. */
  readonly changed: (users: readonly UserId[]) => void;
  readonly failed: Pick<RareWarning, 'due'>;
}

export class GroupWatch {
  readonly #parts: GroupWatchParts;
  #timers: NodeJS.Timeout[] = [];
  /** Groups of this pass that were not read yet. */
  #pass: GroupLog[] = [];
  #settling = false;

  constructor(parts: GroupWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timers = [
      setInterval(() => this.lookAtPortion(), LOOK_MS / PORTIONS),
      setInterval(() => void this.renew(), RENEW_MS),
      setInterval(() => void this.settle(), SETTLE_MS),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** Starts all of it at once. Called when the im-server serves again, perhaps under another instance id. */
  now(): void {
    void this.renew();
    void inSlices([...this.#parts.logs.all()], (log) => void log.lookNow());
  }

  lookAtPortion(): void {
    if (this.#pass.length === 0) this.#pass = [...this.#parts.logs.all()];
    const portion = Math.ceil(Math.max(this.#parts.logs.size, this.#pass.length) / PORTIONS);
    for (const log of this.#pass.splice(0, portion)) void log.lookNow().then(() => log.forget());
  }

  /**
   * Tells the store which groups this im-server follows. Never throws; a failed call is repeated by the next
   * one.
   */
  async renew(): Promise<void> {
    await this.#parts.interest.renew().catch((error: unknown) => this.#parts.failed.due({ err: error }));
  }

  /** Completes interrupted changes. Never throws. */
  async settle(): Promise<void> {
    if (this.#settling) return;
    this.#settling = true;
    try {
      const users = await this.#parts.groups.settle();
      if (users.length > 0) this.#parts.changed(users);
    } catch (error) {
      // All im-servers do this, so another one does it now, or this one in 30 s.
      this.#parts.failed.due({ err: error });
    } finally {
      this.#settling = false;
    }
  }
}
