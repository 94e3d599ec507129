import { type Member, memberName } from '@cim/discovery';
import {
  CimError,
  type CloseReason,
  type DeviceId,
  type GroupId,
  type InstanceId,
  LOBBY,
  streamName,
  type UserId,
} from '@cim/protocol';
import { RPC, type RpcOutcome } from '@cim/rpc';
import { type Observer, type Rate, TokenBuckets } from '@cim/runtime';
import type { SessionAt, Subject } from '@cim/store';
import { DeliveredNotices } from './delivered-notices.ts';
import type { DeliveredNotice, Doorbell, PlaceAt, ServerLoad } from './doorbell.ts';
import {
  encodeDelivered,
  encodeFetchOffline,
  encodeGroupsChanged,
  encodeHolds,
  encodeKick,
  encodePlaces,
  encodeSignal,
  encodeSuspended,
  holdsOf,
  loadOf,
  placesOf,
} from './doorbell-rpc.ts';
import type { Locations } from './locations.ts';
import { decodeStanding, encodeMove, type MoveRequest, type MoveStanding } from './moving.ts';
import type { Servers } from './servers.ts';
import type { Signal } from './signal.ts';

const KICK_TIMEOUT_MS = 2_000;
/** Time-out of a question that an operator waits for [ms]. */
const ASK_TIMEOUT_MS = 2_000;
const REACH_TIMEOUT_MS = 800;
const MOVE_TIMEOUT_MS = 3_000;
/** Time-out of a call whose outcome nobody waits for [ms]. */
const HINT_TIMEOUT_MS = 1_000;

/**
 * The answer of an im-server, or a sentence that says why it is not known. The subject of the sentence is the
 * im-server.
 */
export type Asked<T> = { readonly answer: T } | { readonly unknown: string };

/** The calls of servers to im-servers, except the delivery of entries. */
export class ServerCalls {
  readonly #servers: Servers;
  readonly #locations: Locations;
  readonly #notices: DeliveredNotices;
  readonly #observer: Pick<Observer, 'signalled'>;
  /** Key: sender and stream. Bounded by `TokenBuckets`. */
  readonly #typing: TokenBuckets;

  /** @param typing how often the typing of one sender is passed on in one conversation */
  constructor(
    servers: Servers,
    locations: Locations,
    observer: Pick<Observer, 'signalled'>,
    typing: Rate | undefined,
  ) {
    this.#typing = new TokenBuckets(typing);
    this.#servers = servers;
    this.#locations = locations;
    this.#observer = observer;
    this.#notices = new DeliveredNotices(locations, (at, notices) =>
      this.#hint(
        at,
        (bell) => bell.delivered(notices),
        RPC.delivered,
        () => encodeDelivered(notices),
      ),
    );
  }

  /** Closes a session that a newer one has replaced, or that was logged out. Best effort. */
  kick(user: UserId, at: SessionAt, reason: CloseReason): void {
    this.#locations.forget(user);
    this.#hint(
      at.instance,
      (bell) => bell.kick(user, at.epoch, reason, at.device),
      RPC.kick,
      () => encodeKick(user, at.epoch, reason, at.device),
      KICK_TIMEOUT_MS,
    );
  }

  /**
   * Tells every im-server that a subject is suspended, or (0) no longer. Best effort: im-servers ask the
   * store every 2 s.
   */
  suspended(subject: Subject, leftMs: number): void {
    for (const instance of this.#servers.everywhere())
      this.#hint(
        instance,
        (bell) => bell.suspended(subject, leftMs),
        RPC.suspended,
        () => encodeSuspended(subject, leftMs),
        KICK_TIMEOUT_MS,
      );
  }

  /** Whether an im-server answers. A login is placed only at an im-server that does. */
  reaches(member: Member, done: (reachable: boolean) => void): void {
    if (member.instance !== undefined && this.#servers.localAt(member.instance) !== undefined) done(true);
    else
      this.#servers.rpc.call(member, RPC.ping, new Uint8Array(), REACH_TIMEOUT_MS, (reply) => done(reply.ok));
  }

  /**
   * Whether an im-server really holds the session that the store records there. A store that has lost entries
   * may be wrong. `unknown` when the im-server does not answer.
   */
  holds(
    user: UserId,
    device: DeviceId | undefined,
    at: InstanceId,
    done: (answer: 'yes' | 'no' | 'unknown') => void,
  ): void {
    const local = this.#servers.localAt(at);
    if (local !== undefined) return done(local.holds(user, device) ? 'yes' : 'no');
    const member = this.#servers.memberOf(at);
    if (member === undefined) return done('unknown');
    this.#servers.rpc.call(member, RPC.holds, encodeHolds(user, device), REACH_TIMEOUT_MS, (reply) =>
      done(reply.ok ? (holdsOf(reply.payload) ? 'yes' : 'no') : 'unknown'),
    );
  }

  /**
   * Has an im-server move its sessions to the others, or asks for the state of a move.
   * @throws {CimError} 4000: the im-server does not answer, or its version cannot move sessions
   */
  async move(member: Member & { readonly instance: InstanceId }, asked: MoveRequest): Promise<MoveStanding> {
    const local = this.#servers.localAt(member.instance);
    if (local !== undefined) return local.move(asked);
    return new Promise((resolve, reject) =>
      this.#servers.rpc.call(member, RPC.move, encodeMove(asked), MOVE_TIMEOUT_MS, (reply) => {
        if (reply.ok) return resolve(decodeStanding(reply.payload));
        const why = reply.kind === 'failed' ? `its version may be older (${reply.message})` : reply.message;
        reject(new CimError('failure', `the im-server at ${memberName(member)} could not be asked: ${why}`));
      }),
    );
  }

  /** Whether the im-server is in this process, so that both count together. */
  isHere(instance: InstanceId): boolean {
    return this.#servers.localAt(instance) !== undefined;
  }

  /** Asks how busy an im-server is. */
  load(at: InstanceId): Promise<Asked<ServerLoad>> {
    return this.#ask(at, (bell) => bell.load(), RPC.load, new Uint8Array(), loadOf);
  }

  /**
   * Asks an im-server for the sessions of these users, and how far the group's log was delivered to them; '':
   * their timelines.
   */
  places(users: readonly UserId[], group: GroupId | '', at: InstanceId): Promise<Asked<PlaceAt[]>> {
    return this.#ask(
      at,
      (bell) => bell.places(users, group),
      RPC.places,
      encodePlaces(users, group),
      placesOf,
    );
  }

  /**
   * Tells that a CIM client asks for the messages that were stored before its login. Best effort: the
   * im-server also sends them by itself.
   */
  fetchOffline(user: UserId, at: SessionAt): void {
    this.#hint(
      at.instance,
      (bell) => bell.fetchOffline(user),
      RPC.fetchOffline,
      () => encodeFetchOffline(user),
    );
  }

  /**
   * Tells a sender how far its messages have come. Best effort. Notices of one turn travel together.
   * @param at im-server where the sender was when it sent, if known
   */
  delivered(notice: DeliveredNotice, at: InstanceId | undefined): void {
    this.#notices.add(notice, at);
  }

  /**
   * Sends a signal, which is not stored, to live sessions of these users. Best effort; typing at most once a
   * second.
   */
  signal(users: readonly UserId[], signal: Signal): void {
    if (!this.#mayTell(signal)) return;
    this.#tell(
      users,
      (bell, those) => bell.signal(those, signal),
      RPC.signal,
      (those) => encodeSignal(those, signal),
    );
  }

  /**
   * Sends a signal to the live members of a group. Best effort; typing at most once a second. The caller has
   * checked that the sender is a member. The lobby gets no signals: its members are all users.
   */
  signalGroup(group: GroupId, signal: Signal): void {
    if (group === LOBBY || !this.#mayTell(signal)) return;
    for (const instance of this.#servers.everywhere())
      this.#hint(
        instance,
        (bell) => bell.signalGroup(group, signal),
        RPC.signal,
        () => encodeSignal([], signal),
      );
  }

  /** Tells that these users came into a group or left one. Best effort: an im-server also checks by itself. */
  groupsChanged(users: readonly UserId[]): void {
    this.#tell(
      users,
      (bell, those) => bell.groupsChanged(those),
      RPC.groups,
      (those) => encodeGroupsChanged(those),
    );
  }

  #mayTell(signal: Signal): boolean {
    const may =
      signal.kind !== 'typing' || this.#typing.take(`${signal.sender.userId} ${streamName(signal.to)}`) === 0;
    this.#observer.signalled(signal.kind, may ? 'told' : 'limited');
    return may;
  }

  /** Makes one call per im-server that holds some of the users. */
  #tell(
    users: readonly UserId[],
    local: (bell: Doorbell, users: readonly UserId[]) => void,
    method: number,
    payload: (users: readonly UserId[]) => Uint8Array,
  ): void {
    const at = new Map<InstanceId, UserId[]>();
    let open = users.length;
    const located = (): void => {
      if (--open > 0) return;
      for (const [instance, those] of at)
        this.#hint(
          instance,
          (bell) => local(bell, those),
          method,
          () => payload(those),
        );
    };
    for (const user of users)
      this.#locations.find(user, {
        located: (found) => {
          for (const instance of new Set(found === 'unknown' ? [] : found.map((place) => place.instance))) {
            const those = at.get(instance);
            if (those === undefined) at.set(instance, [user]);
            else those.push(user);
          }
          located();
        },
      });
  }

  #ask<T>(
    at: InstanceId,
    local: (bell: Doorbell) => T,
    method: number,
    payload: Uint8Array,
    decode: (reply: Uint8Array) => T,
  ): Promise<Asked<T>> {
    const bell = this.#servers.localAt(at);
    if (bell !== undefined) return Promise.resolve({ answer: local(bell) });
    const member = this.#servers.memberOf(at);
    if (member === undefined) return Promise.resolve({ unknown: 'the im-server is not listed' });
    return new Promise((resolve) => {
      this.#servers.rpc.call(member, method, payload, ASK_TIMEOUT_MS, (reply) => {
        try {
          resolve(reply.ok ? { answer: decode(reply.payload) } : { unknown: whyUnknown(reply) });
        } catch {
          resolve({ unknown: 'the im-server answered something else' });
        }
      });
    });
  }

  #hint(
    instance: InstanceId,
    local: (bell: Doorbell) => void,
    method: number,
    payload: () => Uint8Array,
    timeoutMs = HINT_TIMEOUT_MS,
  ): void {
    const bell = this.#servers.localAt(instance);
    if (bell !== undefined) return local(bell);
    const member = this.#servers.memberOf(instance);
    if (member !== undefined) this.#servers.rpc.call(member, method, payload(), timeoutMs, () => {});
  }
}

const whyUnknown = ({ kind, message }: RpcOutcome & { readonly ok: false }): string => {
  if (kind !== 'failed') return 'the im-server does not answer';
  return message.startsWith('there is no method')
    ? 'the im-server is of an older version, which does not tell'
    : `the im-server does not tell: ${message}`;
};
