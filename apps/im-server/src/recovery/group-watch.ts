/**
 * What an im-server does about its groups again and again: it reads their tops, in portions, once in 30 s; tells the store
 * which groups it is rung for; and has the store write the users' sides of changes that a crash has left undone.
 */
import type { UserId } from '@cim/protocol';
import { inSlices, type RareWarning } from '@cim/runtime';
import type { Groups } from '@cim/store';
import type { GroupLog } from '../subscriptions/group-log.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Interest } from '../subscriptions/interest.ts';

/** A pass over all groups takes so long [ms]. */
const LOOK_MS = 25_000;
const PORTIONS = 30;
/** A third of `FOLLOW_MS`. */
const RENEW_MS = 10 * 60_000;
const SETTLE_MS = 30_000;

export interface GroupWatchParts {
  readonly logs: Pick<GroupLogs, 'all' | 'size'>;
  readonly interest: Pick<Interest, 'renew'>;
  readonly groups: Pick<Groups, 'settle'>;
  /** The sessions of these users find out which groups they follow. */
  readonly changed: (users: readonly UserId[]) => void;
  readonly failed: Pick<RareWarning, 'due'>;
}

export class GroupWatch {
  readonly #parts: GroupWatchParts;
  #timers: NodeJS.Timeout[] = [];
  /** Groups of this pass that are not looked at yet. */
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

  /** The im-server serves again, perhaps under another instance id. */
  now(): void {
    void this.renew();
    void inSlices([...this.#parts.logs.all()], (log) => void log.lookNow());
  }

  lookAtPortion(): void {
    if (this.#pass.length === 0) this.#pass = [...this.#parts.logs.all()];
    const portion = Math.ceil(Math.max(this.#parts.logs.size, this.#pass.length) / PORTIONS);
    for (const log of this.#pass.splice(0, portion)) void log.lookNow().then(() => log.forget());
  }

  /** Never throws: what fails is done again with the next call. */
  async renew(): Promise<void> {
    await this.#parts.interest.renew().catch((error: unknown) => this.#parts.failed.due({ err: error }));
  }

  /** Never throws. */
  async settle(): Promise<void> {
    if (this.#settling) return;
    this.#settling = true;
    try {
      const users = await this.#parts.groups.settle();
      if (users.length > 0) this.#parts.changed(users);
    } catch (error) {
      // Every im-server does this: another one, or this one in 30 s.
      this.#parts.failed.due({ err: error });
    } finally {
      this.#settling = false;
    }
  }
}
