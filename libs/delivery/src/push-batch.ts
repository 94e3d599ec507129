import type { Member } from '@cim/discovery';
import type { InstanceId, UserId } from '@cim/protocol';
import { RPC, type RpcClient } from '@cim/rpc';
import type { Logger } from '@cim/runtime';
import type { Entry } from '@cim/store';
import { encodeDeliver, goneOf } from './doorbell-rpc.ts';
import { serveEach } from './serve-each.ts';

/** Calls that are not answered in this time have failed, in ms. */
export const PUSH_TIMEOUT_MS = 1_000;

/** Of one call. */
const CALL_PUSHES = 256;
const CALL_BYTES = 256 * 1024;

export type PushOutcome = 'taken' | 'gone' | 'failed';

/** An entry on its way to the im-server at which its recipient is. */
export interface Push {
  readonly user: UserId;
  /** Absent: only look into the log. */
  readonly entry: Entry | undefined;
  /** A session of this process that is given nothing. */
  readonly except?: object | undefined;
  /** It was written to an open connection. Not always called; never after `ended`. */
  written(): void;
  /** Once. */
  ended(outcome: PushOutcome): void;
}

interface Waiting {
  readonly member: Member;
  readonly pushes: Push[];
  bytes: number;
}

/** Pushes to other im-servers: those that meet, since one append has stored them, travel in one call. */
export class PushBatch {
  readonly #rpc: RpcClient;
  readonly #from: () => InstanceId | undefined;
  readonly #logger: Logger;
  /** Key: instance. Emptied once the appends that are answered now are. */
  #waiting = new Map<InstanceId, Waiting>();
  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const { member, pushes } of waiting.values()) this.#call(member, pushes);
  };

  /** @param from instance at which the senders are */
  constructor(rpc: RpcClient, from: () => InstanceId | undefined, logger: Logger) {
    this.#rpc = rpc;
    this.#from = from;
    this.#logger = logger;
  }

  add(instance: InstanceId, member: Member, push: Push): void {
    if (this.#waiting.size === 0) queueMicrotask(this.#flush);
    let waiting = this.#waiting.get(instance);
    if (waiting === undefined) this.#waiting.set(instance, (waiting = { member, pushes: [], bytes: 0 }));
    waiting.bytes += push.entry?.content.length ?? 0;
    if (waiting.pushes.push(push) < CALL_PUSHES && waiting.bytes < CALL_BYTES) return;
    // The key stays: the flush is on its way.
    this.#waiting.set(instance, { member, pushes: [], bytes: 0 });
    this.#call(member, waiting.pushes);
  }

  #call(member: Member, pushes: readonly Push[]): void {
    if (pushes.length === 0) return;
    const payload = encodeDeliver(pushes, this.#from());
    const written = this.#rpc.call(member, RPC.deliver, payload, PUSH_TIMEOUT_MS, (reply) => {
      const gone = reply.ok ? goneOf(reply.payload) : [];
      const outcomeOf = (i: number): PushOutcome =>
        !reply.ok ? 'failed' : gone.includes(i) ? 'gone' : 'taken';
      serveEach(pushes.entries(), ([i, push]) => push.ended(outcomeOf(i)), this.#logger);
    });
    if (written) serveEach(pushes, (push) => push.written(), this.#logger);
  }
}
