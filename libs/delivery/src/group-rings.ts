import { type GroupId, groupStream, type InstanceId } from '@cim/protocol';
import { RPC, type RpcOutcome } from '@cim/rpc';
import type { Observer } from '@cim/runtime';
import type { Entry } from '@cim/store';
import { encodeBroadcast } from './doorbell-rpc.ts';
import type { GroupNotes } from './group-notes.ts';
import { PUSH_TIMEOUT_MS } from './push-batch.ts';
import type { Servers } from './servers.ts';

/** Rings im-servers for an entry of a group: one call for each im-server, never one for a member. */
export class GroupRings {
  readonly #servers: Servers;
  readonly #notes: Pick<GroupNotes, 'add'>;
  readonly #observer: Pick<Observer, 'groupRung'>;

  constructor(servers: Servers, notes: Pick<GroupNotes, 'add'>, observer: Pick<Observer, 'groupRung'>) {
    this.#servers = servers;
    this.#notes = notes;
    this.#observer = observer;
  }

  /**
   * @param followers im-servers that have members of the group; undefined for the lobby, whose members are everywhere
   */
  ring(group: GroupId, entry: Entry | undefined, followers: readonly InstanceId[] | undefined): void {
    if (followers === undefined) this.#ringAll(group, entry);
    else this.#ringFollowers(group, entry, followers);
  }

  /** An im-server that misses it twice reads the top of the lobby within 2 s. */
  #ringAll(group: GroupId, entry: Entry | undefined): void {
    let payload: Uint8Array | undefined;
    for (const instance of this.#servers.everywhere()) {
      if (this.#ringHere(instance, group, entry)) continue;
      const call = (payload ??= encodeBroadcast(group, entry));
      this.#call(instance, call, ({ ok }) => {
        if (ok) this.#observer.groupRung('taken');
        else this.#call(instance, call, (again) => this.#observer.groupRung(again.ok ? 'taken' : 'missed'));
      });
    }
  }

  /** For an im-server that does not answer the stream is noted. */
  #ringFollowers(group: GroupId, entry: Entry | undefined, followers: readonly InstanceId[]): void {
    let payload: Uint8Array | undefined;
    for (const instance of followers) {
      if (this.#ringHere(instance, group, entry)) continue;
      payload ??= encodeBroadcast(group, entry);
      this.#call(instance, payload, ({ ok }) => {
        if (ok) return this.#observer.groupRung('taken');
        this.#observer.groupRung('noted');
        this.#notes.add(instance, groupStream(group));
      });
    }
  }

  #ringHere(instance: InstanceId, group: GroupId, entry: Entry | undefined): boolean {
    const local = this.#servers.localAt(instance);
    if (local === undefined) return false;
    local.broadcast(group, entry);
    this.#observer.groupRung('taken');
    return true;
  }

  #call(instance: InstanceId, payload: Uint8Array, done: (answer: Pick<RpcOutcome, 'ok'>) => void): void {
    const member = this.#servers.memberOf(instance);
    if (member === undefined) done({ ok: false });
    else this.#servers.rpc.call(member, RPC.broadcast, payload, PUSH_TIMEOUT_MS, done);
  }
}
