import type { Member, Membership } from '@cim/discovery';
import type { InstanceId, UserId } from '@cim/protocol';
import { RPC, type RpcClient, type RpcOutcome } from '@cim/rpc';
import type { Logger } from '@cim/runtime';
import type { Entry } from '@cim/store';
import type { Doorbell } from './doorbell.ts';
import { encodeDeliver, goneOf } from './doorbell-rpc.ts';

/** A call that is not answered in this time has failed [ms]. */
export const PUSH_TIMEOUT_MS = 1_000;

/** Most pushes in one call. */
const CALL_PUSHES = 256;
const CALL_BYTES = 256 * 1024;

export type PushOutcome = 'taken' | 'gone' | 'failed';

/** An entry on its way to an im-server that may hold its recipient. */
export interface Push {
  readonly user: UserId;
  /** Absent: the im-server only reads the log. */
  readonly entry: Entry | undefined;
  /** A session of this process that gets nothing. */
  readonly except?: object | undefined;
  /** Called when the push was written to an open connection. Not always called; never after `ended`. */
  written(): void;
  /** Called once. */
  ended(outcome: PushOutcome): void;
}

interface Batch {
  readonly member: Member;
  pushes: Push[];
  bytes: number;
}

/**
 * The im-servers of the cluster. The one in this process, if any, is called directly, the others by RPC.
 * Pushes to one im-server whose entries were stored by one append travel in one call.
 */
export class Servers {
  readonly rpc: RpcClient;
  readonly #membership: Membership;
  readonly #logger: Logger;
  #local: Doorbell | undefined;
  /** Key: instance. Emptied when all appends of one answer of the store are handled. */
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

  /** Names the im-server of this process. */
  serve(local: Doorbell): void {
    this.#local = local;
  }

  /** The im-server of this process, if the instance is its own. */
  localAt(instance: InstanceId): Doorbell | undefined {
    return this.#local?.instance === instance ? this.#local : undefined;
  }

  /** The member with this instance. Undefined when it is not listed: it has left, or is not listed yet. */
  memberOf(instance: InstanceId): Member | undefined {
    for (const member of this.#membership.members()) if (member.instance === instance) return member;
    return undefined;
  }

  /** Every im-server that can be rung, each once. */
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

  /** A push that throws must not hold up the others of its call. */
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
