import type { Signal } from '@cim/delivery';
import type { Cursor, Entry } from '@cim/store';
import type { GroupId, InstanceId, MessageId, Seq, StreamRef, UserId } from '@cim/protocol';
import type { AckLook } from './ack-clock.ts';
import type { SharedPiece } from './shared-piece.ts';

/** How far a stream has gone out to a session. */
export interface Reached {
  /** Newest entry that went out. */
  readonly sent: Seq;
  /** Newest entry that the client has acknowledged, as far as this session knows; the store's cursor may be ahead. */
  readonly acked: Seq;
}

/** A stream as one session follows it, whether alone or with others. */
export interface Followed {
  readonly stream: StreamRef;
  /** The entry that goes out next. */
  readonly next: Seq;
  /** All up to this is the client's, as far as this feed knows. */
  readonly acked: Seq;
  /** Entries that went out and are not acked. */
  readonly unacked: number;
  /** There may be entries that are to go out and have not. */
  readonly behind: boolean;
  /** The last that went out; seq 0 or id '' when that is not known. */
  readonly last: Cursor;
  /** All up to this went out once, before the log went back too. */
  readonly had: Seq;
  /** The window has opened, the sink is ready again, or there may be something in the log. */
  resume(): void;
  /** All up to `seq` is the client's. Answers the cursor to keep, if it moved; `unsent` for what never went out. */
  ack(seq: Seq): Cursor | 'unsent' | undefined;
  /** All up to `seq` has arrived, and the client still works on it: it is not sent again. */
  hold(seq: Seq): void;
  /** In how many ms the acks are to be looked at; Infinity while nothing that went out is unacked. */
  acksDueIn(now: number): number;
  /** Sends again what is not acked for too long. `give-up`: it has done so often enough. `stalled`: nobody reads. */
  lookAtAcks(now: number): Exclude<AckLook, 'resend'>;
  /** After `broken`: goes on elsewhere, after the entry `last`; '' when that is not known. */
  moveTo(next: Seq, last: MessageId): void;
  end(): void;
}

/** One that can rest: of a group. */
export interface RestingFollowed extends Followed {
  /** Ends this feed when its session has acked everything: the log remembers the session. Answers what it rests in. */
  rest(): Resting | undefined;
}

/** The log of a group in which a session rests: nothing is to be sent to it, and nothing is unacked. */
export interface Resting {
  readonly group: GroupId;
  readonly stream: StreamRef;
  /** Newest seq that is known. */
  readonly top: Seq;
  /** Where the sessions stand that rest. */
  restingAt(): Cursor;
  leave(sink: FeedSink): void;
}

/** What a feed needs of its session. */
export interface FeedSink {
  readonly userId: UserId;
  /** Whether an entry may be written now: the server serves, the channel is open and drains. */
  ready(): boolean;
  /** Of an inbox. */
  write(feed: Followed, entry: Entry): void;
  /** Of a group. */
  writeShared(feed: Followed, piece: SharedPiece): void;
  /** Entries of an inbox that were trimmed before they could be sent. */
  expired(feed: Followed, from: Seq, to: Seq): void;
  /** The store has lost entries in the middle of the log: it goes on at `from`. `top`: its newest. */
  lost(feed: Followed, from: Seq, top: Seq): void;
  /**
   * The feed cannot go on where it is: the store has lost entries that went out, or keeps the next ones of a group no
   * more. Nothing is written until `moveTo`.
   */
  broken(feed: Followed, event: 'stream.went-back' | 'stream.trimmed'): void;
  /** An ack has passed entries of this sender, up to `seq`. */
  passed(feed: Followed, sender: Entry['sender']['userId'], seq: Seq, from: InstanceId | undefined): void;
  /** The client has acknowledged an entry that somebody else sent. @param storedAt when it was stored [ms since 1970] */
  acknowledged(feed: Followed, storedAt: number): void;
  /** The session rested in a group, and has a feed of it again. False: it follows the group no more. */
  woken(group: GroupId, feed: RestingFollowed): boolean;
  /** Something that is not stored, for live sessions. @param frame it, encoded */
  signal(signal: Signal, frame: Uint8Array): void;
  /** ms, monotonic, coarse. */
  now(): number;
}
