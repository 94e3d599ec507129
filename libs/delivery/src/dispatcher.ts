/**
 * The way of a message through the servers: append it to the recipient's stream, locate the recipient, push.
 * Only the append counts; the push is a doorbell with the content attached (docs/architecture.md).
 */
import { hash } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import type { Member, Membership } from '@cim/discovery';
import {
  CODES,
  type CloseReason,
  type Code,
  type GroupId,
  inboxOf,
  type InstanceId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { RPC, type RpcClient } from '@cim/rpc';
import { type Logger, type Observer, RareWarning, silentObserver } from '@cim/runtime';
import type { Append, AppendAnswer, Entry, SessionAt, Store } from '@cim/store';
import { DeliveredNotices } from './delivered-notices.ts';
import type { DeliveredNotice, Doorbell } from './doorbell.ts';
import {
  encodeBroadcast,
  encodeDelivered,
  encodeFetchOffline,
  encodeHolds,
  encodeKick,
  holdsOf,
} from './doorbell-rpc.ts';
import { FailedPushes } from './failed-pushes.ts';
import { GROUP_PROBLEMS } from './group-problems.ts';
import { InboxPush, type Online, type PushParts } from './inbox-push.ts';
import { Locations } from './locations.ts';
import { type Push, PUSH_TIMEOUT_MS, PushBatch } from './push-batch.ts';

const KICK_TIMEOUT_MS = 2_000;
const REACH_TIMEOUT_MS = 800;

/**
 * `{step, stream}` of each send: `append` before it goes to the store, `stored` when it is on disk, `push` before the
 * recipient's im-server is rung, `receipt` before the sender is answered.
 */
const SEND_STEPS = channel('cim:send');

export interface SendRequest {
  readonly sender: NamedUser;
  readonly stream: StreamRef;
  readonly producer: ProducerId;
  /** From 1; 0 for a send that is not counted: as in `Append`. */
  readonly counter: number;
  readonly again?: boolean | undefined;
  readonly rememberMs?: number | undefined;
  /** An encoded Content. */
  readonly content: Uint8Array;
}

export type SendReceipt =
  /** On disk. `online`: for an inbox, whether its user has a live session; true for a group. */
  | { readonly outcome: 'stored'; readonly seq: Seq; readonly online: Online }
  | { readonly outcome: 'retry'; readonly code: Code; readonly text: string }
  | { readonly outcome: 'refused'; readonly code: Code; readonly text: string }
  | { readonly outcome: 'gap'; readonly last: number }
  /** As `AppendAnswer` has it: whether it was stored before is not known. */
  | { readonly outcome: 'unknown-producer' };

export interface DispatcherParts {
  readonly store: Store;
  readonly membership: Membership;
  readonly rpc: RpcClient;
  readonly logger: Logger;
  /** Nobody counts when it is absent. */
  readonly observer?: Pick<Observer, 'appended' | 'pushed'>;
}

export class Dispatcher {
  readonly #store: Store;
  readonly #membership: Membership;
  readonly #rpc: RpcClient;
  readonly #failed: RareWarning;
  readonly #observer: Pick<Observer, 'appended' | 'pushed'>;
  readonly #locations: Locations;
  readonly #notices: DeliveredNotices;
  readonly #pushes: PushBatch;
  readonly #pushParts: PushParts;
  #local: Doorbell | undefined;

  constructor(parts: DispatcherParts) {
    this.#store = parts.store;
    this.#membership = parts.membership;
    this.#rpc = parts.rpc;
    this.#observer = parts.observer ?? silentObserver;
    this.#failed = new RareWarning(parts.logger, 'append.failed');
    this.#locations = new Locations(parts.store.sessions, parts.logger);
    this.#notices = new DeliveredNotices(this.#locations, (at, notices) => this.#notify(at, notices));
    this.#pushes = new PushBatch(parts.rpc, () => this.#local?.instance, parts.logger);
    this.#pushParts = {
      store: parts.store,
      locations: this.#locations,
      observer: this.#observer,
      failed: new FailedPushes(parts.store, new RareWarning(parts.logger, 'push.not-noted')),
      everywhere: () => this.#everywhere(),
      ring: (instance, push) => this.#pushTo(instance, push),
      begins: (user) => {
        if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'push', stream: inboxOf(user) });
      },
    };
  }

  /** The im-server of this process, if it is one: reached without RPC. */
  serve(local: Doorbell): void {
    this.#local = local;
  }

  /**
   * Stores a message and rings for it. `done` is called once, never in this turn; on `stored` the push was handed
   * over already, or noted as failed, so that a sender's server that dies after its receipt has left nothing undone.
   */
  send(request: SendRequest, done: (receipt: SendReceipt) => void): void {
    const { stream, sender, producer, counter, again, rememberMs, content } = request;
    const digest = hash('sha256', content, 'base64url').slice(0, 22);
    if (stream.kind === 'inbox') this.#locations.expect(stream.user);
    if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'append', stream });
    const item = { stream, sender, producer, counter, again, digest, content, rememberMs };
    const begun = performance.now();
    this.#store.streams.append(item, (answer) => {
      this.#observer.appended(stream.kind, answer.outcome, (performance.now() - begun) / 1_000);
      this.#appended(item, answer, done);
    });
  }

  /** Closes a session that a newer one has replaced, or that was logged out. Best effort. */
  kick(user: UserId, at: SessionAt, reason: CloseReason): void {
    this.#locations.forget(user);
    this.#ring(
      at.instance,
      (bell) => bell.kick(user, at.epoch, reason),
      RPC.kick,
      () => encodeKick(user, at.epoch, reason),
      KICK_TIMEOUT_MS,
    );
  }

  /** Whether an im-server answers: a login is placed only where somebody is at home. */
  reaches(member: Member, done: (reachable: boolean) => void): void {
    if (this.#local !== undefined && this.#local.instance === member.instance) done(true);
    else this.#rpc.call(member, RPC.ping, new Uint8Array(), REACH_TIMEOUT_MS, (reply) => done(reply.ok));
  }

  /**
   * Whether the im-server that holds a session by the store's account does hold one: a store that has lost entries may
   * be wrong. `unknown` when it does not answer.
   */
  holds(user: UserId, at: InstanceId, done: (answer: 'yes' | 'no' | 'unknown') => void): void {
    if (this.#local?.instance === at) return done(this.#local.holds(user) ? 'yes' : 'no');
    const member = this.#memberOf(at);
    if (member === undefined) return done('unknown');
    this.#rpc.call(member, RPC.holds, encodeHolds(user), REACH_TIMEOUT_MS, (reply) =>
      done(reply.ok ? (holdsOf(reply.payload) ? 'yes' : 'no') : 'unknown'),
    );
  }

  /** A CIM client asks for what was stored before its login. Best effort: the im-server also begins by itself. */
  fetchOffline(user: UserId, at: SessionAt): void {
    this.#ring(
      at.instance,
      (bell) => bell.fetchOffline(user),
      RPC.fetchOffline,
      () => encodeFetchOffline(user),
      PUSH_TIMEOUT_MS,
    );
  }

  /**
   * Tells a sender how far its messages have come. Best effort; those of one turn travel together.
   * @param at where the sender was when it sent, if that is known
   */
  delivered(notice: DeliveredNotice, at: InstanceId | undefined): void {
    this.#notices.add(notice, at);
  }

  #appended(item: Append, answer: AppendAnswer, done: (receipt: SendReceipt) => void): void {
    const { stream, sender, producer, counter, content } = item;
    if (answer.outcome === 'ok') {
      if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'stored', stream });
      const { seq, prev, storedAt, n, wire } = answer;
      this.#push(stream, { seq, prev, storedAt, n, wire, sender, producer, counter, content }, seq, done);
    } else if (answer.outcome === 'duplicate') {
      // Whoever stored it may have died before pushing: let the log be read.
      this.#push(stream, undefined, answer.seq, done);
    } else {
      done(this.#unstored(answer));
    }
  }

  #push(stream: StreamRef, entry: Entry | undefined, seq: Seq, done: (receipt: SendReceipt) => void): void {
    const answer = (online: Online): void => {
      if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'receipt', stream });
      done({ outcome: 'stored', seq, online });
    };
    if (stream.kind === 'inbox') return new InboxPush(stream.user, entry, this.#pushParts, answer).begin();
    if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'push', stream });
    this.#broadcast(stream.group, entry);
    answer(true);
  }

  #pushTo(instance: InstanceId, push: Push): void {
    if (this.#local?.instance === instance)
      return push.ended(this.#local.deliver(push.user, push.entry, instance));
    const member = this.#memberOf(instance);
    if (member === undefined) push.ended('failed');
    else this.#pushes.add(instance, member, push);
  }

  #notify(at: InstanceId, notices: DeliveredNotice[]): void {
    this.#ring(
      at,
      (bell) => bell.delivered(notices),
      RPC.delivered,
      () => encodeDelivered(notices),
      PUSH_TIMEOUT_MS,
    );
  }

  /** A server that misses it twice reads the top of its groups within 2 s. */
  #broadcast(group: GroupId, entry: Entry | undefined): void {
    let payload: Uint8Array | undefined;
    for (const member of this.#membership.members()) {
      if (member.instance === undefined) continue;
      if (member.instance === this.#local?.instance) {
        this.#local.broadcast(group, entry);
        continue;
      }
      payload ??= encodeBroadcast(group, entry);
      const call = payload;
      this.#rpc.call(member, RPC.broadcast, call, PUSH_TIMEOUT_MS, ({ ok }) => {
        if (!ok) this.#rpc.call(member, RPC.broadcast, call, PUSH_TIMEOUT_MS, () => {});
      });
    }
  }

  /** Best effort. */
  #ring(
    instance: InstanceId,
    local: (bell: Doorbell) => void,
    method: number,
    payload: () => Uint8Array,
    timeoutMs: number,
  ): void {
    if (this.#local?.instance === instance) return local(this.#local);
    const member = this.#memberOf(instance);
    if (member !== undefined) this.#rpc.call(member, method, payload(), timeoutMs, () => {});
  }

  #everywhere(): InstanceId[] {
    const listed = this.#membership.members().flatMap(({ instance }) => instance ?? []);
    return this.#local === undefined ? listed : [this.#local.instance, ...listed];
  }

  #memberOf(instance: InstanceId): Member | undefined {
    return this.#membership.members().find((member) => member.instance === instance);
  }

  #unstored(answer: Exclude<AppendAnswer, { outcome: 'ok' | 'duplicate' }>): SendReceipt {
    switch (answer.outcome) {
      case 'gap':
      case 'unknown-producer':
        return answer;
      case 'conflict':
        return {
          outcome: 'refused',
          code: CODES.invalid.code,
          text: 'this message id was used before with another content',
        };
      case 'refused': {
        const { name, text } = GROUP_PROBLEMS[answer.problem];
        return { outcome: 'refused', code: CODES[name].code, text: text ?? CODES[name].message };
      }
      case 'full':
        return {
          outcome: 'refused',
          code: CODES.limited.code,
          text: 'the recipient has too many messages waiting; try again when they have been read',
        };
      case 'unknown':
        return { outcome: 'refused', code: CODES.unknownAccount.code, text: 'there is no user with this id' };
      case 'retry':
        this.#failed.due({ err: answer.cause });
        return {
          outcome: 'retry',
          code: CODES.failure.code,
          text: 'the message is not stored; send it again',
        };
    }
  }
}
