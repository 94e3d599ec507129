import type { DeliveredNotice, Signal } from '@cim/delivery';
import type { CloseReason, Epoch, InstanceId, NamedUser } from '@cim/protocol';
import type { Wire } from '@cim/runtime';
import type { Cursor, Entry, Position, UserDevice } from '@cim/store';
import type { Followed, Reached } from '../subscriptions/feed-sink.ts';

/** An authenticated channel, on either wire. */
export interface Session extends NamedUser, UserDevice {
  readonly epoch: Epoch;
  /**
   * When the life of the session ends [ms since 1970]. Infinity for a session by name alone, which has no
   * secret.
   */
  readonly endsAt: number;
  /**
   * Gives the session a pushed entry of its inbox; undefined: it reads the log. Answers `gone` when the
   * session is ending and the user may be elsewhere.
   * @param from instance at which the sender is, for the notice that the entry is delivered
   */
  deliver(entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone';
  /** Tells that messages of this user have reached their recipient. */
  delivered(notice: DeliveredNotice): void;
  /** A CIM client asks for the messages that were stored before its login. */
  fetchOffline(): void;
  readonly wire: Wire;
  /** The place of the session in the user's timeline; undefined before it follows the timeline. */
  readonly timeline: Pick<Followed, 'unacked' | 'behind'> | undefined;
  /** The client's address. */
  readonly address: string;
  /**
   * How far a stream was sent; undefined when the session does not follow it. @param name the stream as
   * frames name it
   */
  placeIn(name: string): Reached | undefined;
  /** The last entry of the inbox that was sent; undefined before the first resume. */
  readonly inboxAt: Cursor | undefined;
  /**
   * Goes on with anything that waits: the server serves again, or the pass over the sessions has read the
   * log.
   * @param inboxAt value of `inboxAt` before the position was read
   */
  look(inboxAt: Cursor | undefined, position: Position): void;
  /** Sends a signal, which is not stored. @param frame the signal, encoded for our own wire */
  signal(signal: Signal, frame: Uint8Array): void;
  /** Tells that the user joined or left a group. */
  groupsChanged(): void;
  /** Tells that the store may have lost something: the client compares the sends that it knows as stored. */
  recount(): void;
  /** Called when the channel has ended. */
  onClosed(): void;
  /**
   * Says goodbye in the form of its wire, then closes. @param afterMs the client should wait this long before
   * it comes again [ms]
   */
  close(reason: CloseReason, afterMs?: number): void;
}
