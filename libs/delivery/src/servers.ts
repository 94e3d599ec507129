import type { Member, Membership } from '@cim/discovery';
import type { InstanceId } from '@cim/protocol';
import type { RpcClient } from '@cim/rpc';
import type { Doorbell } from './doorbell.ts';

/** The im-servers of the cluster: that of this process, if it is one, is reached directly, the others by RPC. */
export class Servers {
  readonly rpc: RpcClient;
  readonly #membership: Membership;
  #local: Doorbell | undefined;

  constructor(membership: Membership, rpc: RpcClient) {
    this.#membership = membership;
    this.rpc = rpc;
  }

  /** The im-server of this process is open. */
  serve(local: Doorbell): void {
    this.#local = local;
  }

  /** The im-server of this process. */
  get local(): Doorbell | undefined {
    return this.#local;
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
}
