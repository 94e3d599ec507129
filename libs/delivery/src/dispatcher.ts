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
import type { Logger } from '@cim/runtime';
import type { AppendAnswer, Entry, SessionAt, Store } from '@cim/store';
import { DeliveredNotices } from './delivered-notices.ts';
import type { DeliveredNotice, Doorbell } from './doorbell.ts';
import {
  encodeBroadcast,
  encodeDeliver,
  encodeDelivered,
  encodeFetchOffline,
  encodeKick,
  isGone,
} from './doorbell-rpc.ts';
import { Locations } from './locations.ts';

/** A push that is not answered in this time is tried once more, in ms. */
const PUSH_TIMEOUT_MS = 1_000;
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
  /** From 1; 0 for a send that is not counted, whose producer is the hash of an idempotency key. */
  readonly counter: number;
  readonly rememberMs?: number;
  /** An encoded Content. */
  readonly content: Uint8Array;
}

export type SendReceipt =
  /** On disk. `online`: for an inbox, whether its user has a live session; true for a group. */
  | { readonly outcome: 'stored'; readonly seq: Seq; readonly online: boolean }
  | { readonly outcome: 'retry'; readonly code: Code; readonly text: string }
  | { readonly outcome: 'refused'; readonly code: Code; readonly text: string }
  | { readonly outcome: 'gap'; readonly last: number };

export interface DispatcherParts {
  readonly store: Store;
  readonly membership: Membership;
  readonly rpc: RpcClient;
  readonly logger: Logger;
}

export class Dispatcher {
  readonly #store: Store;
  readonly #membership: Membership;
  readonly #rpc: RpcClient;
  readonly #logger: Logger;
  readonly #locations: Locations;
  readonly #notices: DeliveredNotices;
  #local: Doorbell | undefined;

  constructor(parts: DispatcherParts) {
    this.#store = parts.store;
    this.#membership = parts.membership;
    this.#rpc = parts.rpc;
    this.#logger = parts.logger;
    this.#locations = new Locations(parts.store.sessions);
    this.#notices = new DeliveredNotices(this.#locations, (at, notices) => this.#notify(at, notices));
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
    const { stream, sender, producer, counter, rememberMs, content } = request;
    const digest = hash('sha256', content, 'base64url').slice(0, 22);
    if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'append', stream });
    this.#store.streams.append(
      {
        stream,
        sender,
        producer,
        counter,
        digest,
        content,
        ...(rememberMs === undefined ? {} : { rememberMs }),
      },
      (answer) => {
        if (answer.outcome === 'ok') {
          if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'stored', stream });
          const { seq, prev, storedAt } = answer;
          this.#push(stream, { seq, prev, storedAt, sender, producer, counter, content }, seq, done);
        } else if (answer.outcome === 'duplicate') {
          // Whoever stored it may have died before pushing: let the log be read.
          this.#push(stream, undefined, answer.seq, done);
        } else {
          done(this.#unstored(answer));
        }
      },
    );
  }

  /** Closes a session that a newer one has replaced, or that was logged out. Best effort. */
  kick(user: UserId, at: SessionAt, reason: CloseReason): void {
    this.#locations.forget(user);
    this.#ring(
      at.instance,
      (bell) => {
        bell.kick(user, at.epoch, reason);
        return 'taken';
      },
      RPC.kick,
      () => encodeKick(user, at.epoch, reason),
      KICK_TIMEOUT_MS,
      () => {},
    );
  }

  /** Whether an im-server answers: a login is placed only where somebody is at home. */
  reaches(member: Member, done: (reachable: boolean) => void): void {
    if (this.#local !== undefined && this.#local.instance === member.instance) done(true);
    else this.#rpc.call(member, RPC.ping, new Uint8Array(), REACH_TIMEOUT_MS, (reply) => done(reply.ok));
  }

  /** A CIM client asks for what was stored before its login. Best effort: the im-server also begins by itself. */
  fetchOffline(user: UserId, at: SessionAt): void {
    this.#ring(
      at.instance,
      (bell) => {
        bell.fetchOffline(user);
        return 'taken';
      },
      RPC.fetchOffline,
      () => encodeFetchOffline(user),
      PUSH_TIMEOUT_MS,
      () => {},
    );
  }

  /**
   * Tells a sender how far its messages have come. Best effort; those of one turn travel together.
   * @param at where the sender was when it sent, if that is known
   */
  delivered(notice: DeliveredNotice, at: InstanceId | undefined): void {
    this.#notices.add(notice, at);
  }

  #push(stream: StreamRef, entry: Entry | undefined, seq: Seq, done: (receipt: SendReceipt) => void): void {
    const answer = (online: boolean): void => {
      if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'receipt', stream });
      done({ outcome: 'stored', seq, online });
    };
    if (stream.kind === 'inbox') return this.#deliver(stream.user, entry, answer);
    if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'push', stream });
    this.#broadcast(stream.group, entry);
    answer(true);
  }

  /**
   * `handed` is called once: the push was written to the im-server's connection, or has failed for good and is noted
   * for the im-server to find, or there is nobody to push to.
   */
  #deliver(user: UserId, entry: Entry | undefined, handed: (online: boolean) => void): void {
    this.#locations.find(user, (at) => {
      if (at === undefined) return handed(false);
      if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step: 'push', stream: inboxOf(user) });
      let told = false;
      const tell = (online: boolean): void => {
        if (told) return;
        told = true;
        handed(online);
      };
      const written = this.#ringFor(user, at.instance, entry, (outcome) => {
        if (outcome === 'taken') return tell(true);
        this.#locations.forget(user);
        this.#deliverAgain(user, entry, tell);
      });
      if (written) tell(true);
    });
  }

  #deliverAgain(user: UserId, entry: Entry | undefined, handed: (online: boolean) => void): void {
    this.#locations.find(user, (at) => {
      if (at === undefined) return handed(false);
      this.#ringFor(user, at.instance, entry, (outcome) => {
        if (outcome === 'taken') return handed(true);
        this.#locations.forget(user);
        this.#store.streams.markDirty(at.instance, inboxOf(user)).then(
          () => handed(true),
          (error: unknown) => {
            // Its look at every session finds the entry, within 30 s.
            this.#logger.warn({ err: error, userId: user, seq: entry?.seq }, 'push.not-noted');
            handed(true);
          },
        );
      });
    });
  }

  #ringFor(
    user: UserId,
    instance: InstanceId,
    entry: Entry | undefined,
    outcome: (outcome: 'taken' | 'gone' | 'failed') => void,
  ): boolean {
    const from = this.#local?.instance;
    return this.#ring(
      instance,
      (bell) => bell.deliver(user, entry, from),
      RPC.deliver,
      () => encodeDeliver(user, entry, from),
      PUSH_TIMEOUT_MS,
      outcome,
    );
  }

  #notify(at: InstanceId, notices: DeliveredNotice[]): void {
    this.#ring(
      at,
      (bell) => {
        bell.delivered(notices);
        return 'taken';
      },
      RPC.delivered,
      () => encodeDelivered(notices),
      PUSH_TIMEOUT_MS,
      () => {},
    );
  }

  /** A server that misses it twice reads the top of its groups within 2 s. */
  #broadcast(group: GroupId, entry: Entry | undefined): void {
    let payload: Uint8Array | undefined;
    for (const member of this.#membership.members()) {
      if (member.instance === undefined) continue;
      const ring = (again: boolean): void => {
        this.#ringMember(
          member,
          (bell) => {
            bell.broadcast(group, entry);
            return 'taken';
          },
          RPC.broadcast,
          () => (payload ??= encodeBroadcast(group, entry)),
          PUSH_TIMEOUT_MS,
          (outcome) => {
            if (outcome !== 'taken' && again) ring(false);
          },
        );
      };
      ring(true);
    }
  }

  /** True: it was taken here, or written to an open connection. `outcome` may be called within. */
  #ring(
    instance: InstanceId,
    local: (bell: Doorbell) => 'taken' | 'gone',
    method: number,
    payload: () => Uint8Array,
    timeoutMs: number,
    outcome: (outcome: 'taken' | 'gone' | 'failed') => void,
  ): boolean {
    const member =
      this.#local?.instance === instance
        ? undefined
        : this.#membership.members().find((m) => m.instance === instance);
    if (member !== undefined) return this.#ringMember(member, local, method, payload, timeoutMs, outcome);
    if (this.#local?.instance === instance) outcome(local(this.#local));
    else outcome('failed');
    return false;
  }

  #ringMember(
    member: Member,
    local: (bell: Doorbell) => 'taken' | 'gone',
    method: number,
    payload: () => Uint8Array,
    timeoutMs: number,
    outcome: (outcome: 'taken' | 'gone' | 'failed') => void,
  ): boolean {
    if (this.#local !== undefined && this.#local.instance === member.instance) {
      outcome(local(this.#local));
      return false;
    }
    return this.#rpc.call(member, method, payload(), timeoutMs, (reply) => {
      if (!reply.ok) outcome('failed');
      else outcome(isGone(reply.payload) ? 'gone' : 'taken');
    });
  }

  #unstored(answer: Exclude<AppendAnswer, { outcome: 'ok' | 'duplicate' }>): SendReceipt {
    switch (answer.outcome) {
      case 'gap':
        return answer;
      case 'conflict':
        return {
          outcome: 'refused',
          code: CODES.invalid.code,
          text: 'this message id was used before with another content',
        };
      case 'full':
        return {
          outcome: 'refused',
          code: CODES.limited.code,
          text: 'the recipient has too many messages waiting; try again when they have been read',
        };
      case 'unknown':
        return { outcome: 'refused', code: CODES.unknownAccount.code, text: 'there is no user with this id' };
      case 'retry':
        this.#logger.warn({ err: answer.cause }, 'append.failed');
        return {
          outcome: 'retry',
          code: CODES.failure.code,
          text: 'the message is not stored; send it again',
        };
    }
  }
}
