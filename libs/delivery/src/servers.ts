import type { Member, Membership } from '@cim/discovery';
import type { InstanceId, UserId } from '@cim/protocol';
import { RPC, type RpcClient, type RpcOutcome } from '@cim/rpc';
import type { Logger } from '@cim/runtime';
import type { Entry } from '@cim/store';
import type { Doorbell } from './doorbell.ts';
import { encodeDeliver, goneOf } from './doorbell-rpc.ts';

/** Calls that are not answered in this time have failed, in ms. */
export const PUSH_TIMEOUT_MS = 1_000;

/** Of one call. */
const CALL_PUSHES = 256;
const CALL_BYTES = 256 * 1024;

export type PushOutcome = 'taken' | 'gone' | 'failed';

/** An entry on its way to an im-server that may hold its recipient. */
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

interface Batch {
  readonly member: Member;
  pushes: Push[];
  bytes: number;
}

/**
 * The im-servers of the cluster: that of this process, if it is one, is reached directly, the others by RPC. Pushes to one
 * im-server that meet, because one append has stored them, travel in one call.
 */
export class Servers {
  readonly rpc: RpcClient;
  readonly #membership: Membership;
  readonly #logger: Logger;
  #local: Doorbell | undefined;
  /** Key: instance. Emptied once the appends that are answered now are. */
  #batches = new Map<InstanceId, Batch>();
  readonly #flush = (): void => {
    const batches = this.#batches;
    this.#batches = new Map();
    for (const batch of batches.values()) this.#call(batch);
  };

  constructor(membership: Membership, rpc: RpcClient, logger: Logger) {
    this.#membership = membership;
    this.rpc = rpc;
    this.#logger = logger;
  }

  /** The im-server of this process is open. */
  serve(local: Doorbell): void {
    this.#local = local;
  }

  /** The im-server of this process, if that is the instance. */
  localAt(instance: InstanceId): Doorbell | undefined {
    return this.#local?.instance === instance ? this.#local : undefined;
  }

  /** Undefined: the instance is not listed. It may have gone, or not be listed yet. */
  memberOf(instance: InstanceId): Member | undefined {
    for (const member of this.#membership.members()) if (member.instance === instance) return member;
    return undefined;
  }

  /** Every im-server that can be rung, once. */
  everywhere(): InstanceId[] {
    const instances = this.#membership.members().flatMap(({ instance }) => instance ?? []);
    const local = this.#local?.instance;
    return local === undefined || instances.includes(local) ? instances : [local, ...instances];
  }

  /** Hands a push to an im-server. */
  push(instance: InstanceId, push: Push): void {
    const local = this.#local;
    if (local?.instance === instance)
      return push.ended(local.deliver(push.user, push.entry, instance, push.except));
    let batch = this.#batches.get(instance);
    if (batch === undefined) {
      const member = this.memberOf(instance);
      if (member === undefined) return push.ended('failed');
      if (this.#batches.size === 0) queueMicrotask(this.#flush);
      this.#batches.set(instance, (batch = { member, pushes: [], bytes: 0 }));
    }
    batch.pushes.push(push);
    batch.bytes += push.entry?.content.length ?? 0;
    if (batch.pushes.length < CALL_PUSHES && batch.bytes < CALL_BYTES) return;
    this.#call(batch);
    batch.pushes = [];
    batch.bytes = 0;
  }

  #call({ member, pushes }: Batch): void {
    if (pushes.length === 0) return;
    const payload = encodeDeliver(pushes, this.#local?.instance);
    const isWritten = this.rpc.call(member, RPC.deliver, payload, PUSH_TIMEOUT_MS, (reply) =>
      this.#tell(pushes, reply),
    );
    if (isWritten) this.#tell(pushes, 'written');
  }

  /** A push that throws keeps no other of its call waiting. */
  #tell(pushes: readonly Push[], reply: RpcOutcome | 'written'): void {
    const gone = reply !== 'written' && reply.ok ? goneOf(reply.payload) : [];
    for (let i = 0; i < pushes.length; i++) {
      try {
        if (reply === 'written') pushes[i]?.written();
        else pushes[i]?.ended(!reply.ok ? 'failed' : gone.includes(i) ? 'gone' : 'taken');
      } catch (error) {
        this.#logger.error({ err: error }, 'delivery.callback-failed');
      }
    }
  }
}
