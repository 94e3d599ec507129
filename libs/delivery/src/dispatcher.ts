/**
 * The way of a message through the servers: append it to the recipient's stream, locate the recipient, push.
 * Only the append counts; the push is a doorbell with the content attached (docs/architecture.md).
 */
import { hash } from 'node:crypto';
import type { Member, Membership } from '@cim/discovery';
import {
  CODES,
  type CloseReason,
  type Code,
  type GroupId,
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
import type { Doorbell } from './doorbell.ts';
import { encodeBroadcast, encodeDeliver, encodeFetchOffline, encodeKick, isGone } from './doorbell-rpc.ts';
import { Locations } from './locations.ts';

/** A push that is not answered in this time is tried once more, in ms. */
const PUSH_TIMEOUT_MS = 1_000;
const KICK_TIMEOUT_MS = 2_000;
const REACH_TIMEOUT_MS = 800;

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
  #local: Doorbell | undefined;

  constructor(parts: DispatcherParts) {
    this.#store = parts.store;
    this.#membership = parts.membership;
    this.#rpc = parts.rpc;
    this.#logger = parts.logger;
    this.#locations = new Locations(parts.store.sessions);
  }

  /** The im-server of this process, if it is one: reached without RPC. */
  serve(local: Doorbell): void {
    this.#local = local;
  }

  /**
   * Stores a message and rings for it. `done` is called once, never in this turn; on `stored` the push was handed
   * over already, so that a sender's server that dies after its receipt has left nothing undone.
   */
  send(request: SendRequest, done: (receipt: SendReceipt) => void): void {
    const { stream, sender, producer, counter, rememberMs, content } = request;
    const digest = hash('sha256', content, 'base64url').slice(0, 22);
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

  #push(stream: StreamRef, entry: Entry | undefined, seq: Seq, done: (receipt: SendReceipt) => void): void {
    if (stream.kind === 'group') {
      this.#broadcast(stream.group, entry);
      done({ outcome: 'stored', seq, online: true });
      return;
    }
    this.#deliver(stream.user, entry, true, (online) => done({ outcome: 'stored', seq, online }));
  }

  /** `handed` is called when the push is under way, or when there is nobody to push to. */
  #deliver(user: UserId, entry: Entry | undefined, again: boolean, handed: (online: boolean) => void): void {
    this.#locations.find(user, (at) => {
      if (at === undefined) {
        handed(false);
        return;
      }
      this.#ring(
        at.instance,
        (bell) => bell.deliver(user, entry),
        RPC.deliver,
        () => encodeDeliver(user, entry),
        PUSH_TIMEOUT_MS,
        (outcome) => {
          if (outcome === 'taken') return;
          this.#locations.forget(user);
          if (again) this.#deliver(user, entry, false, () => {});
          else this.#logger.debug({ userId: user, seq: entry?.seq }, 'push.failed');
        },
      );
      handed(true);
    });
  }

  #broadcast(group: GroupId, entry: Entry | undefined): void {
    let payload: Uint8Array | undefined;
    for (const member of this.#membership.members()) {
      if (member.instance === undefined) continue;
      const ring = (again: boolean): void =>
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
      ring(true);
    }
  }

  #ring(
    instance: InstanceId,
    local: (bell: Doorbell) => 'taken' | 'gone',
    method: number,
    payload: () => Uint8Array,
    timeoutMs: number,
    outcome: (outcome: 'taken' | 'gone' | 'failed') => void,
  ): void {
    if (this.#local?.instance === instance) {
      outcome(local(this.#local));
      return;
    }
    const member = this.#membership.members().find((m) => m.instance === instance);
    if (member === undefined) outcome('failed');
    else this.#ringMember(member, local, method, payload, timeoutMs, outcome);
  }

  #ringMember(
    member: Member,
    local: (bell: Doorbell) => 'taken' | 'gone',
    method: number,
    payload: () => Uint8Array,
    timeoutMs: number,
    outcome: (outcome: 'taken' | 'gone' | 'failed') => void,
  ): void {
    if (this.#local !== undefined && this.#local.instance === member.instance) {
      outcome(local(this.#local));
      return;
    }
    this.#rpc.call(member, method, payload(), timeoutMs, (reply) => {
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
