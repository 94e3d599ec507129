import type { RpcOutcome } from './outcome.ts';

export type Done = (outcome: RpcOutcome) => void;

interface Pending {
  readonly done: Done;
  readonly deadline: number;
}

/** Calls that wait for their reply: each ends exactly once, by its reply, its deadline or the link's end. */
export class PendingCalls {
  /** Key: call id, ascending. Removed by reply, expiry or `endAll`. */
  readonly #calls = new Map<number, Pending>();
  #next = 1;

  get size(): number {
    return this.#calls.size;
  }

  add(deadline: number, done: Done): number {
    const id = this.#next++;
    this.#calls.set(id, { done, deadline });
    return id;
  }

  end(id: number, outcome: RpcOutcome): void {
    const pending = this.#calls.get(id);
    if (pending === undefined) return; // late: its deadline has ended it
    this.#calls.delete(id);
    pending.done(outcome);
  }

  expire(now: number): void {
    for (const [id, { deadline }] of this.#calls)
      if (deadline <= now) this.end(id, { ok: false, kind: 'timeout', message: 'no answer in time' });
  }

  endAll(outcome: RpcOutcome): void {
    for (const id of [...this.#calls.keys()]) this.end(id, outcome);
  }
}
