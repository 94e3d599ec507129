import { groupOf } from '@cim/protocol';
import type { GroupId, InstanceId, StreamRef } from '@cim/protocol';
import { RPC, type RpcOutcome } from '@cim/rpc';
import type { Observer } from '@cim/runtime';
import { type Entry } from '@cim/store';
import { encodeBroadcast } from './doorbell-rpc.ts';
import type { GroupNotes } from './group-notes.ts';
import { PUSH_TIMEOUT_MS, type Servers } from './servers.ts';

/** Rings im-servers for an entry of a group: one call per im-server, never one per member. */
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
   * @param stream the log of the group
   * @param followers im-servers that have members of the group; undefined for the lobby, whose members are everywhere
   */
  ring(stream: StreamRef, entry: Entry | undefined, followers: readonly InstanceId[] | undefined): void {
    const group = groupOf(stream);
    if (group === undefined) return;
    let payload: Uint8Array | undefined;
    for (const instance of followers ?? this.#servers.everywhere()) {
      if (this.#ringHere(instance, group, entry)) continue;
      const call = (payload ??= encodeBroadcast(group, entry));
      this.#call(instance, call, ({ ok }) => {
        if (ok) this.#observer.groupRung('taken');
        else if (followers === undefined) this.#callAgain(instance, call);
        else {
          this.#observer.groupRung('noted');
          this.#notes.add(instance, stream);
        }
      });
    }
  }

  /** An im-server that misses both calls reads the top of the lobby within 2 s. */
  #callAgain(instance: InstanceId, call: Uint8Array): void {
    this.#call(instance, call, ({ ok }) => this.#observer.groupRung(ok ? 'taken' : 'missed'));
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
