/** Everything that can be counted while messages pass. The core calls this one interface; nothing else counts. */

/** How a send came in. */
export const SEND_DOORS = ['tcp', 'p2pRoute', 'groupRoute', 'sendMsg', 'v1', 'scheduled'] as const;
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
  'retry',
] as const;
export type AppendOutcome = (typeof APPEND_OUTCOMES)[number];

/** `nowhere`: the recipient has no session. `noted`: both tries failed, and the stream was marked dirty. */
export const PUSH_OUTCOMES = ['taken', 'nowhere', 'noted', 'not-noted'] as const;
export type PushResult = (typeof PUSH_OUTCOMES)[number];

/** `noted`: the call failed, and the stream is marked dirty. `missed`: both calls about the lobby failed. */
export const RING_OUTCOMES = ['taken', 'noted', 'missed'] as const;
export type RingResult = (typeof RING_OUTCOMES)[number];

export const SIGNAL_KINDS = ['typing', 'read', 'device', 'unsent'] as const;
export type SignalName = (typeof SIGNAL_KINDS)[number];
/** `limited`: the sender has signalled the same a moment ago, and nobody was told. */
export const SIGNAL_OUTCOMES = ['told', 'limited'] as const;
export type SignalResult = (typeof SIGNAL_OUTCOMES)[number];

export const RESUME_ANSWERS = ['continue', 'reset', 'expired', 'skipped'] as const;
export type ResumeResult = (typeof RESUME_ANSWERS)[number];

export const WIRES = ['own', 'cim'] as const;
export type Wire = (typeof WIRES)[number];

export const RPC_OUTCOMES = ['ok', 'failed', 'timeout', 'closed', 'down'] as const;
export type RpcResult = (typeof RPC_OUTCOMES)[number];

/** What went wrong with a request to the store. The Redis adapter says what each kind means (`fault.ts`). */
export const STORE_ERRORS = ['away', 'elsewhere', 'refusing', 'settings', 'passing', 'request'] as const;
export type StoreError = (typeof STORE_ERRORS)[number];

/** `anew`: the store did not know the lease any more, and the im-server took another one. */
export const LEASE_RENEWALS = ['renewed', 'anew', 'failed'] as const;
export type LeaseRenewal = (typeof LEASE_RENEWALS)[number];

/** The path of all requests for which the route has none. */
export const UNKNOWN_PATH = 'unknown';

/** Durations are in seconds. No method throws, and none keeps what it is given. */
export interface Observer {
  /** A send was answered to its sender. @param seconds from its arrival at the door */
  sendAnswered(door: SendDoor, outcome: SendResult, seconds: number): void;
  /** The store answered an append. */
  appended(stream: StreamKind, outcome: AppendOutcome, seconds: number): void;
  /** The push of a private message has ended. @param seconds from the append's answer */
  pushed(outcome: PushResult, seconds: number): void;
  /** An im-server was rung for an entry of a group. */
  groupRung(outcome: RingResult): void;
  /** Something that is not stored was to be told to live sessions. */
  signalled(kind: SignalName, outcome: SignalResult): void;
  /** Entries were written to a client's connection. */
  delivered(wire: Wire, stream: StreamKind, entries: number): void;
  /** A pushed private message has reached the im-server of its recipient. @param seconds from when it was stored */
  arrived(seconds: number): void;
  /** A client has acknowledged an entry that was stored while it followed the stream. @param seconds from when it was stored */
  acknowledged(stream: StreamKind, seconds: number): void;
  /** A stream of a session goes on from where the client left it. */
  resumed(answer: ResumeResult): void;
  /** A client's channel has ended. @param reason a close reason's name */
  channelClosed(reason: string): void;
  /** The public door closed a connection at once. @param limit the limit that it would have passed */
  connectionRefused(limit: string): void;
  /** A call to another server has ended. @param method the name of the call */
  rpcCalled(method: string, outcome: RpcResult, seconds: number): void;
  /** The route serves this path: what is counted of it begins with 0. */
  pathServed(path: string): void;
  /** The route has answered a request. @param path with the names of its parameters @param code one of CIM's codes */
  requestAnswered(path: string, code: string, seconds: number): void;
  /** The store did not carry out a request. */
  storeFailed(kind: StoreError): void;
  /** The im-server has asked the store to renew its lease. */
  leaseRenewed(outcome: LeaseRenewal): void;
  /** A timer of the process came so much later than it was due. */
  loopDelayed(seconds: number): void;
}

/** Counts nothing: for tests and tools. */
export const silentObserver: Observer = {
  sendAnswered: () => undefined,
  appended: () => undefined,
  pushed: () => undefined,
  groupRung: () => undefined,
  signalled: () => undefined,
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
