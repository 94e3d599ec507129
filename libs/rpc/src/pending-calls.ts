import type { TimingWheel, WheelEntry } from '@cim/channel';
import type { RpcOutcome } from './outcome.ts';

export type Done = (outcome: RpcOutcome) => void;

/** One call that waits for its reply. */
export class PendingCall implements WheelEntry {
  readonly id: number;
  readonly method: number;
  /** By performance.now(), ms. */
  readonly begun = performance.now();
  readonly done: Done;
  /** Encoded, until it is sent. */
  unsent: Uint8Array | undefined;
  readonly #owner: PendingCalls;

  constructor(id: number, method: number, done: Done, owner: PendingCalls) {
    this.id = id;
    this.method = method;
    this.done = done;
    this.#owner = owner;
  }

  /** Its deadline. */
  onTimeout(): void {
    if (this.unsent === undefined)
      this.#owner.end(this.id, { ok: false, kind: 'timeout', message: 'no answer in time' });
    else this.#owner.end(this.id, { ok: false, kind: 'down', message: 'no connection in time' });
  }
}

/** Calls that wait for their reply: each ends exactly once, by its reply, its deadline or the connection's end. */
export class PendingCalls {
  /** Key: call id, ascending. Removed by `end`. */
  readonly #calls = new Map<number, PendingCall>();
  readonly #wheel: TimingWheel;
  readonly #onEnded: (call: PendingCall, outcome: RpcOutcome) => void;
  #next = 1;

  /** @param onEnded after each end; it calls the call's `done` */
  constructor(wheel: TimingWheel, onEnded: (call: PendingCall, outcome: RpcOutcome) => void) {
    this.#wheel = wheel;
    this.#onEnded = onEnded;
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

  /** In the order of the calls. */
  all(): Iterable<PendingCall> {
    return this.#calls.values();
  }

  /** A reply to a call that its deadline has ended finds nothing. */
  end(id: number, outcome: RpcOutcome): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    this.#wheel.cancel(call);
    this.#onEnded(call, outcome);
  }

  /** The connection has ended. A call made meanwhile, by somebody's `done`, stays. */
  endAll(message: string): void {
    for (const { id, unsent } of [...this.#calls.values()])
      this.end(id, { ok: false, kind: unsent === undefined ? 'closed' : 'down', message });
  }
}
