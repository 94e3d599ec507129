/**
 * The interface for everything that is counted while messages pass. The core calls it, and nothing else
 * counts.
 */

/** The doors through which a send comes in. */
export const SEND_DOORS = ['tcp', 'p2pRoute', 'groupRoute', 'sendMsg', 'v1', 'scheduled', 'held'] as const;
export type SendDoor = (typeof SEND_DOORS)[number];

export const SEND_OUTCOMES = ['stored', 'refused', 'retry', 'gap', 'unknown-producer'] as const;
export type SendResult = (typeof SEND_OUTCOMES)[number];

export const STREAM_KINDS = ['inbox', 'group'] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

export const APPEND_OUTCOMES = [
  'ok',
  'duplicate',
  'gap',
  'conflict',
  'refused',
  'blocked',
  'full',
  'share',
  'unknown',
  'unknown-producer',
  'ended',
  'retry',
] as const;
export type AppendOutcome = (typeof APPEND_OUTCOMES)[number];

/**
 * `nowhere`: the recipient has no session. `noted`: both tries failed, and the stream was marked dirty.
 * `not-noted`: the store did not take that mark.
 */
export const PUSH_OUTCOMES = ['taken', 'nowhere', 'noted', 'not-noted'] as const;
export type PushResult = (typeof PUSH_OUTCOMES)[number];

/** `noted`: the call failed, and the stream was marked dirty. `missed`: both calls about the lobby failed. */
export const RING_OUTCOMES = ['taken', 'noted', 'missed'] as const;
export type RingResult = (typeof RING_OUTCOMES)[number];

export const SIGNAL_KINDS = ['typing', 'read', 'device', 'unsent'] as const;
export type SignalName = (typeof SIGNAL_KINDS)[number];
/** `limited`: the sender has sent the same signal a moment ago, so it was dropped. */
export const SIGNAL_OUTCOMES = ['told', 'limited'] as const;
export type SignalResult = (typeof SIGNAL_OUTCOMES)[number];

/** What moderation decides by: sensitive words, or the answer of a business system. */
export const MODERATORS = ['words', 'hook'] as const;
export type Moderator = (typeof MODERATORS)[number];
/** `fallback`: the business system did not answer. */
export const MODERATION_OUTCOMES = [
  'refused',
  'masked',
  'flagged',
  'allowed',
  'replaced',
  'held',
  'fallback',
] as const;
export type ModerationOutcome = (typeof MODERATION_OUTCOMES)[number];
export const QUESTION_OUTCOMES = ['answered', 'failed'] as const;
export type QuestionOutcome = (typeof QUESTION_OUTCOMES)[number];

export const RESUME_ANSWERS = ['continue', 'reset', 'expired', 'skipped'] as const;
export type ResumeResult = (typeof RESUME_ANSWERS)[number];

export const WIRES = ['own', 'cim'] as const;
export type Wire = (typeof WIRES)[number];

export const RPC_OUTCOMES = ['ok', 'failed', 'timeout', 'closed', 'down'] as const;
export type RpcResult = (typeof RPC_OUTCOMES)[number];

/** Kinds of failed requests to the store. The Redis adapter explains them (`fault.ts`). */
export const STORE_ERRORS = ['away', 'elsewhere', 'refusing', 'settings', 'passing', 'request'] as const;
export type StoreError = (typeof STORE_ERRORS)[number];

/** `anew`: the store no longer knew the lease, and the im-server took a new one. */
export const LEASE_RENEWALS = ['renewed', 'anew', 'failed'] as const;
export type LeaseRenewal = (typeof LEASE_RENEWALS)[number];

/** Stands for every path that the route does not serve. */
export const UNKNOWN_PATH = 'unknown';

/** Durations are in seconds. No method throws, and no method keeps its arguments. */
export interface Observer {
  /** A send was answered. @param seconds since its arrival at the door */
  sendAnswered(door: SendDoor, outcome: SendResult, seconds: number): void;
  /** The store answered an append. */
  appended(stream: StreamKind, outcome: AppendOutcome, seconds: number): void;
  /** The push of a private message has ended. @param seconds since the append was answered */
  pushed(outcome: PushResult, seconds: number): void;
  /** An im-server was rung for an entry of a group. */
  groupRung(outcome: RingResult): void;
  /** A signal, which is not stored, was to be sent to live sessions. */
  signalled(kind: SignalName, outcome: SignalResult): void;
  /** Moderation did something with a message. A repeated send counts again. */
  moderated(by: Moderator, outcome: ModerationOutcome): void;
  /** A question to the moderation system has ended. */
  moderationAsked(outcome: QuestionOutcome, seconds: number): void;
  /** Entries were written to a client's connection. */
  delivered(wire: Wire, stream: StreamKind, entries: number): void;
  /** A pushed private message has reached the im-server of its recipient. @param seconds since it was stored */
  arrived(seconds: number): void;
  /**
   * A client has acked an entry that was stored while its session followed the stream. @param seconds since
   * it was stored
   */
  acknowledged(stream: StreamKind, seconds: number): void;
  /** A session resumes a stream after its client's cursor. */
  resumed(answer: ResumeResult): void;
  /** A client's channel has ended. @param reason name of the close reason */
  channelClosed(reason: string): void;
  /** The public door closed a new connection at once. @param limit the limit that it exceeded */
  connectionRefused(limit: string): void;
  /** A call to another server has ended. @param method name of the call */
  rpcCalled(method: string, outcome: RpcResult, seconds: number): void;
  /** The route serves this path; its counters begin with 0. */
  pathServed(path: string): void;
  /**
   * The route has answered a request. @param path with the names of its parameters @param code a code of
   * docs/errors.md
   */
  requestAnswered(path: string, code: string, seconds: number): void;
  /** The store failed to carry out a request. */
  storeFailed(kind: StoreError): void;
  /** The im-server has asked the store to renew its lease. */
  leaseRenewed(outcome: LeaseRenewal): void;
  /** A timer of the process came this much later than it was due. */
  loopDelayed(seconds: number): void;
}

/** An observer that counts nothing, for tests and tools. */
export const silentObserver: Observer = {
  sendAnswered: () => undefined,
  appended: () => undefined,
  pushed: () => undefined,
  groupRung: () => undefined,
  signalled: () => undefined,
  moderated: () => undefined,
  moderationAsked: () => undefined,
  delivered: () => undefined,
  arrived: () => undefined,
  resumed: () => undefined,
  channelClosed: () => undefined,
  connectionRefused: () => undefined,
  rpcCalled: () => undefined,
  acknowledged: () => undefined,
  pathServed: () => undefined,
  requestAnswered: () => undefined,
  storeFailed: () => undefined,
  leaseRenewed: () => undefined,
  loopDelayed: () => undefined,
};
