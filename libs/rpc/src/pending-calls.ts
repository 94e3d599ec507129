import type { TimingWheel, WheelEntry } from '@cim/channel';
import type { RpcOutcome } from './outcome.ts';

export type Done = (outcome: RpcOutcome) => void;

/** One call that waits for its reply. */
export class PendingCall implements WheelEntry {
  readonly id: number;
  readonly method: number;
  /** Deadline by performance.now() [ms]. */
  readonly begun = performance.now();
  readonly done: Done;
  /** Encoded call, until it is sent. */
  unsent: Uint8Array | undefined;
  readonly #owner: PendingCalls;

  constructor(id: number, method: number, done: Done, owner: PendingCalls) {
    this.id = id;
    this.method = method;
    this.done = done;
    this.#owner = owner;
  }

  /** Called at the deadline of the call. */
  onTimeout(): void {
    if (this.unsent === undefined)
      this.#owner.end(this.id, { ok: false, kind: 'timeout', message: 'no answer in time' });
    else this.#owner.end(this.id, { ok: false, kind: 'down', message: 'no connection in time' });
  }
}

/** What pending calls tell their link. */
export interface PendingCallEvents {
  /** After each call has ended; it calls the call's `done`. */
  onCallEnded(call: PendingCall, outcome: RpcOutcome): void;
}

/** Calls that wait for their reply. Each ends exactly once: by its reply, by its deadline, or with the connection. */
export class PendingCalls {
  /** Key: call id, ascending. Removed by `end`. */
  readonly #calls = new Map<number, PendingCall>();
  readonly #wheel: TimingWheel;
  readonly #events: PendingCallEvents;
  #next = 1;

  constructor(wheel: TimingWheel, events: PendingCallEvents) {
    this.#wheel = wheel;
    this.#events = events;
  }

  get size(): number {
    return this.#calls.size;
  }

  add(method: number, timeoutMs: number, done: Done): PendingCall {
    const call = new PendingCall(this.#next++, method, done, this);
    this.#calls.set(call.id, call);
    this.#wheel.schedule(call, timeoutMs);
    return call;
  }

  /** Calls that wait, in the order in which they were made. */
  all(): Iterable<PendingCall> {
    return this.#calls.values();
  }

  /** Ends a call by its reply. A reply that comes after the deadline is ignored. */
  end(id: number, outcome: RpcOutcome): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    this.#wheel.cancel(call);
    this.#events.onCallEnded(call, outcome);
  }

  /** Ends all calls of a connection that has ended. A call that a `done` makes meanwhile is not ended. */
  endAll(message: string): void {
    for (const { id, unsent } of [...this.#calls.values()])
      this.end(id, { ok: false, kind: unsent === undefined ? 'closed' : 'down', message });
  }
}
