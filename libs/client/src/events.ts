import type { CimError, CloseReason, Epoch, MessageId, NamedUser, Seq, UserId } from '@cim/protocol';

/** The recipient of a message: a user, or the members of a group. The members of `lobby` are all users. */
export type Recipient = { readonly user: number } | { readonly group: string };

/**
 * A content to send: texts, or a type with a body, or a reply with `ref`. docs/protocol.md, "Contents", has
 * the types.
 */
export interface Outgoing {
  /** One text, or several as one message. */
  readonly texts?: string | readonly string[];
  /** Absent or '' for plain texts. */
  readonly type?: string;
  /** The body of a type that is not text; a string is sent as UTF-8. */
  readonly body?: Uint8Array | string;
  /** Id of the message that this one refers to. */
  readonly ref?: string;
}

/**
 * The fields of all entries that are offered to the application: messages, and events about them. They share
 * one order and one promise: each is offered once, in the order it was stored, and again while a listener
 * fails.
 */
export interface Offered {
  /** `inbox:<userId>` or `group:<groupId>` */
  readonly stream: string;
  /** Position in the stream. */
  readonly seq: Seq;
  /** Id of the message or event, the same for every reader. */
  readonly id: MessageId;
  /** The sender. The server knows the name, which may hold any letters; texts may hold anything. */
  readonly from: NamedUser;
  /** The recipient: this user, the other side of an own message, or the group. */
  readonly to: Recipient;
  /** Whether this user wrote it, on another device or to itself. */
  readonly own: boolean;
  /** The conversation, for `client.conversation`: `u<userId>` of the other side, or `g<groupId>`. */
  readonly conversation: string;
  /** When it was stored [ms since 1970, the store's clock]; for display only. */
  readonly storedAt: number;
  /** The group; absent for a private message. */
  readonly group?: string;
}

/** A message of another user, or of another device of this user. */
export interface Message extends Offered {
  /** The texts: one or more for plain text; for another type there may be none. */
  readonly texts: readonly string[];
  /** The type; '' for plain text. */
  readonly type: string;
  /** The body of a type that is not text. */
  readonly body?: Uint8Array;
  /** Id of the message that a reply refers to. */
  readonly ref?: MessageId;
  /** Number among the entries of its stream that count as unread; for `conversation.read`. */
  readonly n: number;
}

/** The message `ref` was recalled, by its sender or an admin of the group. */
export interface Recalled extends Offered {
  /** Id of the message. */
  readonly ref: MessageId;
}

/** The message `ref` has other texts now. */
export interface Edited extends Offered {
  /** Id of the message. */
  readonly ref: MessageId;
  /** The new texts. */
  readonly texts: readonly string[];
}

/** `from` reacts to the message `ref`. */
export interface Reaction extends Offered {
  /** Id of the message. */
  readonly ref: MessageId;
  /** The reaction, such as an emoji; '' removes the reaction of `from`. */
  readonly reaction: string;
}

/** A group or its members have changed. */
export interface MembersChange extends Offered {
  readonly group: string;
  /**
   * `create`, `change`, `add`, `join`, `leave`, `remove`, `role`, `mute`, `transfer` or `disband`; newer
   * servers may send others.
   */
  readonly op: string;
  /** The users concerned; `from` when the change names no users. */
  readonly users: readonly NamedUser[];
  /** The name that `create` or `change` has set. */
  readonly name?: string;
  /** The category that `create` or `change` has set. */
  readonly category?: string;
  /** The new join policy: `open` or `invite`. */
  readonly join?: string;
  /** The role that `role` has set. */
  readonly role?: string;
  /** Whether `mute` has muted the users. */
  readonly muted?: boolean;
}

/** A question for entries of a stream: the newest, or those before or after a seq. */
export interface HistoryQuery {
  /** The group; absent for the user's own inbox. */
  readonly group?: 'lobby';
  /** Messages before this seq. */
  readonly before?: number;
  /** Messages after this seq. */
  readonly after?: number;
  /** Most messages; default 50. */
  readonly limit?: number;
}

/** A message as a stream keeps it. */
export type KeptMessage = Pick<Message, 'stream' | 'seq' | 'id' | 'from' | 'texts' | 'storedAt' | 'group'>;

/** A page of messages, ascending. */
export interface HistoryPage {
  /** Oldest first. */
  readonly messages: readonly KeptMessage[];
  /** Whether there are more in that direction. */
  readonly more: boolean;
}

/** The place where a send was stored. */
export interface StoredAt {
  /** The same for everybody. */
  readonly id: MessageId;
  /** Seq in the recipient's stream; 0 when it is stored but its seq is not known. */
  readonly seq: Seq;
  /**
   * The recipient has read the message when a `read` event, or a conversation's `peerRead`, reaches this
   * number; 0: not known.
   */
  readonly n: number;
}

/** The outcome of a send. */
export type SendOutcome =
  /** On disk in the store. Every recipient will get it. */
  | ({ readonly outcome: 'stored'; readonly ref: number } & StoredAt)
  /** Will never be stored: an error code, and why in words. */
  | { readonly outcome: 'refused'; readonly ref: number; readonly code: string; readonly text: string }
  /**
   * The client ended, or 7 days went by, before the server answered; it may or may not be stored. A client that ended
   * repeats it at its next start when its state has a journal, as `fileState` has.
   */
  | { readonly outcome: 'unknown'; readonly ref: number; readonly text: string };

/** Events of a `CimClient`. `ref` numbers its sends; sends of an earlier process keep theirs. */
export interface ClientEvents {
  /** The client is logged in and receives: after the first connect and after each reconnect. */
  connected: { readonly server: string; readonly epoch: Epoch; readonly again: boolean };
  /** The connection ended, or an attempt to reconnect failed. The next attempt is in `retryInMs`. */
  disconnected: { readonly reason: CloseReason; readonly text: string; readonly retryInMs: number };
  /** The client has ended and does not reconnect. Emitted once. */
  closed: { readonly reason: CloseReason; readonly text: string };
  /**
   * A message. Listeners may return promises. A message is processed when all its listeners have returned and
   * their promises are resolved: then its cursor moves, and the next one of its stream is offered. A listener
   * that has failed is called again, after 0.5 s to 30 s; other streams do not wait. All of this also holds
   * for the next four events, which are entries of the same streams.
   */
  message: Message;
  /** A message was recalled. */
  recalled: Recalled;
  /** A message was edited. */
  edited: Edited;
  /** A user has reacted to a message. */
  reaction: Reaction;
  /** A group or its members have changed. */
  members: MembersChange;
  /**
   * A message, or an event about one, has failed 5 times. Emitted once for each; it is still offered, and its
   * stream waits.
   */
  stuck: { readonly stream: string; readonly id: MessageId; readonly error: unknown };
  /** A user is typing to this user or a group. Not stored; best effort while connected. */
  typing: { readonly from: NamedUser; readonly conversation: string };
  /**
   * `from` has read the conversation up to `n`. Not stored. With `own` it is this user, on another device.
   * Otherwise messages that were `stored` with an `n` up to this are read.
   */
  read: {
    readonly from: NamedUser;
    readonly conversation: string;
    readonly n: number;
    readonly own: boolean;
  };
  /** This user has logged in on another device. Not stored. */
  device: { readonly device: string; readonly label: string };
  /**
   * A scheduled message of this user was refused when its time had come. Not stored:
   * `client.scheduled.list()` has it for 7 days, for clients that were away. Or a message that waited for a decision
   * was not allowed: `id` is then the id of the message, which has a `:`.
   */
  unsent: { readonly id: string; readonly code: string; readonly text: string };
  /**
   * A send was accepted and is not answered yet; `restored`: an earlier process left it unanswered, emitted
   * during `connect`.
   */
  queued: {
    readonly ref: number;
    readonly to: Recipient;
    readonly texts: readonly string[];
    /** Its type; '' for plain text. */
    readonly type: string;
    /** Id of the message that it replies to, edits, recalls or reacts to. */
    readonly about?: string;
    readonly restored: boolean;
  };
  /** The server's answer to a send. */
  stored: { readonly ref: number } & StoredAt;
  /** The server will never store a send: an error code, and the reason in words. */
  refused: { readonly ref: number; readonly code: string; readonly text: string };
  /** A send ended without an answer, see `SendOutcome`. */
  unknown: { readonly ref: number; readonly text: string };
  /**
   * The recipient of a private send has it: emitted after `stored`, once, in order; best effort. `seq` is
   * that of the send.
   */
  delivered: { readonly ref: number; readonly to: UserId; readonly seq: Seq };
  /**
   * Entries `from` to `to` of a stream do not come by themselves: they were trimmed (`expired`), or are too
   * old to be sent unasked (`skipped`). `reset`: the store lost data; its entries `from` to `to` come again,
   * without those that were shown.
   */
  skipped: {
    readonly stream: string;
    readonly kind: 'expired' | 'skipped' | 'reset';
    readonly from: number;
    readonly to: number;
  };
  /** The store has lost sends of this client that were answered `stored`: counters `from` to `upTo`. */
  lost: { readonly to: Recipient; readonly from: number; readonly upTo: number };
  /** A listener threw, or the state could not be saved. The client goes on. */
  error: { readonly error: unknown; readonly where: string };
}

/** An event that is an entry of a stream, with its name. */
export type StreamEvent = {
  [K in 'message' | 'recalled' | 'edited' | 'reaction' | 'members']: {
    readonly event: K;
    readonly value: ClientEvents[K];
  };
}['message' | 'recalled' | 'edited' | 'reaction' | 'members'];

/** The names of all events; `satisfies` reports a missing one. */
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

/** The names of events that are entries of a stream. */
export const STREAM_EVENT_NAMES: ReadonlySet<keyof ClientEvents> = new Set<StreamEvent['event']>([
  'message',
  'recalled',
  'edited',
  'reaction',
  'members',
]);

/** The error that `connect` and the other calls reject with. */
export type { CimError };
