import type { CloseReason, Epoch, GroupId, InstanceId, Seq, UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';

/** The inbox of `to` is acked up to `seq`, and entries of `sender` were among what was. */
export interface DeliveredNotice {
  readonly sender: UserId;
  readonly to: UserId;
  readonly seq: Seq;
}

/**
 * What a dispatcher can ask of an im-server: in the same process directly, elsewhere by RPC.
 * Every call is a hint: what is lost here costs time, never a message.
 */
export interface Doorbell {
  /** This process's life as an im-server, as it stands now. */
  readonly instance: InstanceId;
  /**
   * `entry` absent: look into the log. `gone`: no session of that user is here.
   * @param from instance at which the sender is, for `delivered`; undefined when it has no session
   */
  deliver(user: UserId, entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone';
  /** To every session here. `entry` absent: look into the log. */
  broadcast(group: GroupId, entry: Entry | undefined): void;
  /** Whether the user has a session here, or a login of theirs is being told to the store. */
  holds(user: UserId): boolean;
  /** Closes the user's session unless its epoch is above `upTo`. */
  kick(user: UserId, upTo: Epoch, reason: CloseReason): void;
  /** A CIM client asks for what was stored before its login. */
  fetchOffline(user: UserId): void;
  /** Senders here are told how far their messages have come. */
  delivered(notices: readonly DeliveredNotice[]): void;
}
