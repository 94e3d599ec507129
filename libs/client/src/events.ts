import type { CimError, CloseReason, Epoch, MessageId, NamedUser, Seq, UserId } from '@cim/protocol';

/** Whom a message is for: a user, or the members of a group. The members of `lobby` are all users. */
export type Recipient = { readonly user: number } | { readonly group: string };

/** What a message says: texts, or a type with a body, or a reply with `ref`. docs/protocol.md, "Contents", has the types. */
export interface Outgoing {
  /** One text, or several as one message. */
  readonly texts?: string | readonly string[];
  /** Absent or '' for plain texts. */
  readonly type?: string;
  /** Of a type that is not text; a string is sent as UTF-8. */
  readonly body?: Uint8Array | string;
  /** Id of the message that this one refers to. */
  readonly ref?: string;
}

/**
 * What all entries of a stream have that are offered to the application: messages, and events about them. They share one
 * order and one promise: each is offered once, in the order it was stored, and again while a listener fails.
 */
export interface Offered {
  /** `inbox:<userId>` or `group:<groupId>` */
  readonly stream: string;
  /** Position in the stream. */
  readonly seq: Seq;
  /** The same for everybody. */
  readonly id: MessageId;
  /** The name is what the server knows; it may hold any letters, the texts anything at all. */
  readonly from: NamedUser;
  /** Whom it is for: this user, the other side of an own one, or the group. */
  readonly to: Recipient;
  /** This user wrote it, on another device or to itself. */
  readonly own: boolean;
  /** For `client.conversation`: `u<userId>` of the other side, or `g<groupId>`. */
  readonly conversation: string;
  /** ms since 1970, the store's clock; for display only. */
  readonly storedAt: number;
  /** Absent for a private one. */
  readonly group?: string;
}

/** A message of somebody else, or of another device of this user. */
export interface Message extends Offered {
  /** One or more of a plain text; of another type there may be none. */
  readonly texts: readonly string[];
  /** '' for plain text. */
  readonly type: string;
  /** Of a type that is not text. */
  readonly body?: Uint8Array;
  /** Id of the message that it refers to: of a reply. */
  readonly ref?: MessageId;
  /** Ordinal among the entries of its stream that count as unread; of use to `conversation.read`. */
  readonly n: number;
}

/** The message `ref` was taken back, by its sender or an admin of the group. */
export interface Recalled extends Offered {
  /** Id of the message. */
  readonly ref: MessageId;
}

/** The message `ref` says this now. */
export interface Edited extends Offered {
  /** Id of the message. */
  readonly ref: MessageId;
  /** What it says now. */
  readonly texts: readonly string[];
}

/** `from` reacts to the message `ref`. */
export interface Reaction extends Offered {
  /** Id of the message. */
  readonly ref: MessageId;
  /** Such as an emoji; '' takes the reaction of `from` away. */
  readonly reaction: string;
}

/** A group or its members have changed. */
export interface MembersChange extends Offered {
  readonly group: string;
  /** `create`, `change`, `add`, `join`, `leave`, `remove`, `role`, `mute`, `transfer` or `disband`; of a newer server others. */
  readonly op: string;
  /** Whom it is about; `from` when it says nothing of users. */
  readonly users: readonly NamedUser[];
  /** What `create` and `change` have set. */
  readonly name?: string;
  /** A label to list groups by. */
  readonly category?: string;
  /** `open` or `invite`. */
  readonly join?: string;
  /** What `role` and `mute` have set. */
  readonly role?: string;
  /** Whether the users may write. */
  readonly muted?: boolean;
}

/** What of a stream is asked for: the newest, those before or those after a seq. */
export interface HistoryQuery {
  /** Absent for the own inbox. */
  readonly group?: 'lobby';
  /** Messages before this seq. */
  readonly before?: number;
  /** Messages behind this seq. */
  readonly after?: number;
  /** Messages at most; default 50. */
  readonly limit?: number;
}

/** A message as a stream keeps it. */
export type KeptMessage = Pick<Message, 'stream' | 'seq' | 'id' | 'from' | 'texts' | 'storedAt' | 'group'>;

/** Ascending; `more` when there are others on that side. */
export interface HistoryPage {
  /** Oldest first. */
  readonly messages: readonly KeptMessage[];
  /** There are others on that side. */
  readonly more: boolean;
}

/** Where a send was stored. */
export interface StoredAt {
  /** The same for everybody. */
  readonly id: MessageId;
  /** In the recipient's stream; 0 when it is known to be stored, but not where. */
  readonly seq: Seq;
  /** The recipient has read it when a `read` event, or a conversation's `peerRead`, reaches this; 0 when it is not known. */
  readonly n: number;
}

/** How a send ended. */
export type SendOutcome =
  /** On disk in the store; every recipient will get it. */
  | ({ readonly outcome: 'stored'; readonly ref: number } & StoredAt)
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
   * resolved: then its cursor moves, and the next one of its stream is offered. A listener that has failed is called
   * again, after 0.5 s to 30 s; other streams do not wait. The four events below it are entries of the same streams, and
   * all of this holds for them too.
   */
  message: Message;
  /** Somebody has taken a message back. */
  recalled: Recalled;
  /** Somebody has given a message other texts. */
  edited: Edited;
  /** Somebody reacts to a message. */
  reaction: Reaction;
  /** A group or its members have changed. */
  members: MembersChange;
  /** A message, or an event about one, has failed 5 times. Told once for each; it goes on being offered, and its stream waits. */
  stuck: { readonly stream: string; readonly id: MessageId; readonly error: unknown };
  /** Not stored, best effort, while connected: somebody is typing to this user or a group. */
  typing: { readonly from: NamedUser; readonly conversation: string };
  /**
   * Not stored: `from` has read the conversation up to `n`. With `own` it is this user, on another device. Otherwise messages
   * that were `stored` with an `n` up to this are read.
   */
  read: {
    readonly from: NamedUser;
    readonly conversation: string;
    readonly n: number;
    readonly own: boolean;
  };
  /** Not stored: this user has logged in with another device. */
  device: { readonly device: string; readonly label: string };
  /**
   * Not stored: a scheduled message of this user was refused when its time had come. `client.scheduled.list()` has it for 7 days, for
   * those who were away.
   */
  unsent: { readonly id: string; readonly code: string; readonly text: string };
  /** Accepted by `send`, not yet answered; or `restored`, during `connect`: left unanswered by the process before. */
  queued: {
    readonly ref: number;
    readonly to: Recipient;
    readonly texts: readonly string[];
    /** '' for plain text. */
    readonly type: string;
    /** Id of the message that it refers to: that it answers, edits, takes back, or reacts to. */
    readonly about?: string;
    readonly restored: boolean;
  };
  /** The server's answer to a send. */
  stored: { readonly ref: number } & StoredAt;
  /** The server will never store a send: an error code, and why in words. */
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

/** An event that is an entry of a stream, with its name. */
export type StreamEvent = {
  [K in 'message' | 'recalled' | 'edited' | 'reaction' | 'members']: {
    readonly event: K;
    readonly value: ClientEvents[K];
  };
}['message' | 'recalled' | 'edited' | 'reaction' | 'members'];

/** All events; `satisfies` finds one that is missing. */
export const EVENT_NAMES = Object.keys({
  connected: 0,
  disconnected: 0,
  closed: 0,
  message: 0,
  recalled: 0,
  edited: 0,
  reaction: 0,
  members: 0,
  stuck: 0,
  typing: 0,
  read: 0,
  device: 0,
  unsent: 0,
  queued: 0,
  stored: 0,
  refused: 0,
  unknown: 0,
  delivered: 0,
  skipped: 0,
  lost: 0,
  error: 0,
} satisfies Record<keyof ClientEvents, 0>) as (keyof ClientEvents)[];

/** Of events that are entries of a stream. */
export const STREAM_EVENT_NAMES: ReadonlySet<keyof ClientEvents> = new Set<StreamEvent['event']>([
  'message',
  'recalled',
  'edited',
  'reaction',
  'members',
]);

/** What `connect` and the other calls reject with. */
export type { CimError };
