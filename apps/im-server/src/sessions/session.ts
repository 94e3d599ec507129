import type { DeliveredNotice, Signal } from '@cim/delivery';
import type { CloseReason, Epoch, InstanceId, NamedUser } from '@cim/protocol';
import type { Wire } from '@cim/runtime';
import type { Cursor, Entry, Position, UserDevice } from '@cim/store';
import type { Followed, Reached } from '../subscriptions/feed-sink.ts';

/** An authenticated channel, whichever wire it speaks. */
export interface Session extends NamedUser, UserDevice {
  readonly epoch: Epoch;
  /** When its life ends [ms since 1970]; Infinity: a session by name alone, which has no secret. */
  readonly endsAt: number;
  /**
   * An entry of the inbox was pushed; undefined: look into the log. `gone`: it is ending, the user may be elsewhere.
   * @param from instance at which the sender is, to be told when this is delivered
   */
  deliver(entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone';
  /** Messages of this user have come to their recipient. */
  delivered(notice: DeliveredNotice): void;
  /** A CIM client asks for what was stored before its login. */
  fetchOffline(): void;
  readonly wire: Wire;
  /** Its place in the user's timeline; undefined before it follows it. */
  readonly timeline: Pick<Followed, 'unacked' | 'behind'> | undefined;
  /** Of the client. */
  readonly address: string;
  /** How far a stream has gone out; undefined when the session does not follow it. @param name as frames name it */
  placeIn(name: string): Reached | undefined;
  /** The last entry of the inbox that went out; undefined before the login's answer to that. */
  readonly inboxAt: Cursor | undefined;
  /**
   * Goes on with whatever waits: the server serves again, or it is time for the look at the log.
   * @param inboxAt what `inboxAt` was before the position was asked for
   */
  look(inboxAt: Cursor | undefined, position: Position): void;
  /** Something that is not stored. @param frame it, encoded on our own wire */
  signal(signal: Signal, frame: Uint8Array): void;
  /** The user has come into a group, or has left one. */
  groupsChanged(): void;
  /** The store may have lost something: the client is to compare what it had as stored. */
  recount(): void;
  /** The channel has ended. */
  onClosed(): void;
  /** Says goodbye in the wire's own way, then closes. @param afterMs not to come again before that */
  close(reason: CloseReason, afterMs?: number): void;
}
