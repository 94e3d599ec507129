import type { Signal } from '@cim/delivery';
import type { Cursor, Entry } from '@cim/store';
import type { GroupId, InstanceId, MessageId, Seq, StreamRef, UserId } from '@cim/protocol';
import type { AckLook } from './ack-clock.ts';
import type { SharedPiece } from './shared-piece.ts';

/** How far a stream was sent to a session. */
export interface Reached {
  /** The newest entry that was sent. */
  readonly sent: Seq;
  /**
   * The newest entry that the client has acked, as far as this session knows. The cursor in the store may be
   * ahead.
   */
  readonly acked: Seq;
}

/** A stream as one session follows it: a private feed, or its share of a group's log. */
export interface Followed {
  readonly stream: StreamRef;
  /** The entry that is sent next. */
  readonly next: Seq;
  /** The client has acked all entries up to this one, as far as this feed knows. */
  readonly acked: Seq;
  /** Number of entries that were sent and are not acked. */
  readonly unacked: number;
  /** Whether there may be entries that are still to be sent. */
  readonly behind: boolean;
  /** The last entry that was sent; seq 0 or id '' when it is not known. */
  readonly last: Cursor;
  /** The highest entry that was ever sent, also before the log went back. */
  readonly had: Seq;
  /** Sends what it can: the window has opened, the sink is ready again, or the log may hold more. */
  resume(): void;
  /**
   * Acks all entries up to `seq`. Answers the cursor to store, if it moved, or `unsent` for an entry that was
   * never sent.
   */
  ack(seq: Seq): Cursor | 'unsent' | undefined;
  /** Tells that the client holds all entries up to `seq` and still works on them: they are not sent again. */
  hold(seq: Seq): void;
  /** In how many ms to check the acks; Infinity while nothing is unacked. */
  acksDueIn(now: number): number;
  /**
   * Sends unacked entries again when it is time. `give-up`: it has done so often enough. `stalled`: the
   * client does not read.
   */
  lookAtAcks(now: number): Exclude<AckLook, 'resend'>;
  /** After `broken`: goes on at `next`, after the entry with the id `last`; '' when that is not known. */
  moveTo(next: Seq, last: MessageId): void;
  end(): void;
}

/** A feed that can rest: that of a group. */
export interface RestingFollowed extends Followed {
  /**
   * Ends this feed when its session has acked everything. The group's log remembers the session, and is the
   * answer.
   */
  rest(): Resting | undefined;
}

/**
 * The log of a group in which a session rests: nothing is to be sent to the session, and nothing is unacked.
 */
export interface Resting {
  readonly group: GroupId;
  readonly stream: StreamRef;
  /** Newest known seq. */
  readonly top: Seq;
  /** The position of the resting sessions. */
  restingAt(): Cursor;
  leave(sink: FeedSink): void;
}

/** The part of a session that a feed uses. */
export interface FeedSink {
  readonly userId: UserId;
  /** Whether an entry may be written now: the server serves, and the channel is open and not full. */
  ready(): boolean;
  /** Writes an entry of an inbox. */
  write(feed: Followed, entry: Entry): void;
  /** Writes entries of a group. */
  writeShared(feed: Followed, piece: SharedPiece): void;
  /** Tells that entries of an inbox were trimmed before they could be sent. */
  expired(feed: Followed, from: Seq, to: Seq): void;
  /**
   * Tells that the store has lost entries in the middle of the log. The log goes on at `from`; `top` is its
   * newest entry.
   */
  lost(feed: Followed, from: Seq, top: Seq): void;
  /**
   * Tells that the feed cannot go on where it is: the store has lost entries that were sent, or no longer
   * keeps the next entries of a group. Nothing is written until `moveTo`.
   */
  broken(feed: Followed, event: 'stream.went-back' | 'stream.trimmed'): void;
  /** Tells that an ack has passed entries of this sender, up to `seq`. */
  passed(feed: Followed, sender: Entry['sender']['userId'], seq: Seq, from: InstanceId | undefined): void;
  /**
   * Tells that the client has acked an entry that another user sent. @param storedAt when it was stored [ms
   * since 1970]
   */
  acknowledged(feed: Followed, storedAt: number): void;
  /** Replaces a resting place by a feed. False: the session no longer follows the group. */
  woken(group: GroupId, feed: RestingFollowed): boolean;
  /** Sends a signal, which is not stored, to the session. @param frame the encoded signal */
  signal(signal: Signal, frame: Uint8Array): void;
  /** The time [ms, monotonic], at a coarse resolution. */
  now(): number;
}
