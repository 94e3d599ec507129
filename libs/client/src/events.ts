import type { CimError, CloseReason, Epoch, MessageId, NamedUser, Seq, UserId } from '@cim/protocol';

/** Whom a message is for: a user, or everybody. */
export type Recipient = { readonly user: number } | { readonly group: 'lobby' };

/** A message of somebody else, or of another installation of this user. Shown once, in the order it was stored. */
export interface Message {
  /** `inbox:<userId>` or `group:<groupId>` */
  readonly stream: string;
  readonly seq: Seq;
  readonly id: MessageId;
  /** The name is what the server knows; it may hold any letters, the texts anything at all. */
  readonly from: NamedUser;
  /** One or more. */
  readonly texts: readonly string[];
  /** ms since 1970, the store's clock; for display only. */
  readonly storedAt: number;
  /** Absent for a private message. */
  readonly group?: string;
}

/** What of a stream is asked for: the newest, those before or those after a seq. */
export interface HistoryQuery {
  /** Absent for the own inbox. */
  readonly group?: 'lobby';
  readonly before?: number;
  readonly after?: number;
  /** Messages at most; default 50. */
  readonly limit?: number;
}

/** Ascending; `more` when there are others on that side. */
export interface HistoryPage {
  readonly messages: readonly Message[];
  readonly more: boolean;
}

/** How a send ended. */
export type SendOutcome =
  /** On disk in the store; every recipient will get it. */
  | { readonly outcome: 'stored'; readonly ref: number; readonly id: MessageId; readonly seq: Seq }
  /** Will never be stored: an error code, and why in words. */
  | { readonly outcome: 'refused'; readonly ref: number; readonly code: string; readonly text: string }
  /**
   * The client ended, or 7 days went by, before the server answered; it may or may not be stored. A client that ended
   * repeats it at its next start when its state has a journal, as `fileState` has.
   */
  | { readonly outcome: 'unknown'; readonly ref: number; readonly text: string };

/** Events of a `CimClient`. `ref` numbers its sends; those that a process before has left keep theirs. */
export interface ClientEvents {
  /** Logged in and receiving; after the first time and after each reconnect. */
  connected: { readonly server: string; readonly epoch: Epoch; readonly again: boolean };
  /** The connection ended, or an attempt to come back failed; the next attempt is in `retryInMs`. */
  disconnected: { readonly reason: CloseReason; readonly text: string; readonly retryInMs: number };
  /** The end: the client does not come back. Emitted once. */
  closed: { readonly reason: CloseReason; readonly text: string };
  /**
   * Listeners may return promises. A message is processed when all its listeners have returned, or their promises are
   * resolved: then its cursor moves, and the next message of its stream is offered. A listener that has failed is called
   * again, after 0.5 s to 30 s; messages of other streams do not wait.
   */
  message: Message;
  /** A message has failed 5 times. Told once a message; it goes on being offered, and its stream waits. */
  stuck: { readonly stream: string; readonly id: MessageId; readonly error: unknown };
  /** Accepted by `send`, not yet answered; or `restored`, during `connect`: left unanswered by the process before. */
  queued: {
    readonly ref: number;
    readonly to: Recipient;
    readonly texts: readonly string[];
    readonly restored: boolean;
  };
  /** The server's answer to a send. */
  stored: { readonly ref: number; readonly id: MessageId; readonly seq: Seq };
  refused: { readonly ref: number; readonly code: string; readonly text: string };
  /** The end of a send that was not answered, see `SendOutcome`. */
  unknown: { readonly ref: number; readonly text: string };
  /** The recipient of a private send has it: after `stored`, once, in order; best effort. `seq` is that of the send. */
  delivered: { readonly ref: number; readonly to: UserId; readonly seq: Seq };
  /**
   * Entries `from` to `to` of a stream do not come by themselves: trimmed (`expired`), too old to be sent unasked
   * (`skipped`). `reset`: the store lost data; what it has, `from` to `to`, comes again, less what was shown.
   */
  skipped: {
    readonly stream: string;
    readonly kind: 'expired' | 'skipped' | 'reset';
    readonly from: number;
    readonly to: number;
  };
  /** The store no longer has sends of ours that were answered `stored`: counters `from` to `to`. */
  lost: { readonly to: Recipient; readonly from: number; readonly upTo: number };
  /** A listener threw, or the state could not be saved. Nothing stops because of it. */
  error: { readonly error: unknown; readonly where: string };
}

/** All events; `satisfies` finds one that is missing. */
export const EVENT_NAMES = Object.keys({
  connected: 0,
  disconnected: 0,
  closed: 0,
  message: 0,
  stuck: 0,
  queued: 0,
  stored: 0,
  refused: 0,
  unknown: 0,
  delivered: 0,
  skipped: 0,
  lost: 0,
  error: 0,
} satisfies Record<keyof ClientEvents, 0>) as (keyof ClientEvents)[];

/** What `connect` and the other calls reject with. */
export type { CimError };
