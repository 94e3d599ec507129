import type { CloseReason, DeviceId, Epoch, GroupId, InstanceId, Seq, UserId } from '@cim/protocol';
import type { Load, Traffic } from '@cim/runtime';
import type { Entry, Subject } from '@cim/store';
import type { MoveRequest, MoveStanding } from './moving.ts';
import type { Signal } from './signal.ts';

/**
 * A notice that the inbox of `to` is acked up to `seq`, with at least one entry of `sender` among the newly
 * acked ones.
 */
export interface DeliveredNotice {
  readonly sender: UserId;
  readonly to: UserId;
  readonly seq: Seq;
}

/** How busy an im-server is. */
export interface ServerLoad extends Load {
  readonly sessions: number;
  /** Connections, including those that have not logged in. */
  readonly connections: number;
  /** Whether its lease holds, so that it delivers. */
  readonly serving: boolean;
  /** What its process has counted. Absent: its version is older. */
  readonly traffic?: Traffic;
}

/** A session at an im-server, and how far one stream was delivered to it. */
export interface PlaceAt {
  readonly user: UserId;
  readonly device: DeviceId;
  readonly epoch: Epoch;
  /** Address of the client. */
  readonly address: string;
  /** Undefined when the session does not follow the stream. */
  readonly place: { readonly sent: Seq; readonly acked: Seq } | undefined;
}

/**
 * The questions and notices that an im-server takes from other servers: directly in the same process, else by
 * RPC. Every call except `move` is a hint: a lost call costs time, never a message.
 */
export interface Doorbell {
  /** The present instance id of this im-server. */
  readonly instance: InstanceId;
  /**
   * Gives an entry of the user's inbox to all devices of the user that are here. Without `entry` their
   * sessions read the log. Answers `gone` when no session of the user is here.
   * @param from instance at which the sender is, for `delivered`; undefined when the sender has no session
   * @param except the session that sent the entry (`SendRequest.origin`). It counts as a session that is
   * here, but gets nothing
   */
  deliver(
    user: UserId,
    entry: Entry | undefined,
    from: InstanceId | undefined,
    except?: object,
  ): 'taken' | 'gone';
  /** Gives an entry to every session here that follows the group. Without `entry` the sessions read the log. */
  broadcast(group: GroupId, entry: Entry | undefined): void;
  /** Sends a signal to the sessions of these users that are here. */
  signal(users: readonly UserId[], signal: Signal): void;
  /** Sends a signal to the sessions here that follow the group, except those of the sender. */
  signalGroup(group: GroupId, signal: Signal): void;
  /**
   * Tells that these users came into a group or left one. Their sessions then follow the groups that they are
   * members of.
   */
  groupsChanged(users: readonly UserId[]): void;
  /**
   * Whether the user, or that device of the user, has a session here, or one that is being claimed in the
   * store.
   */
  holds(user: UserId, device?: DeviceId): boolean;
  load(): ServerLoad;
  /**
   * The sessions of these users that are here, and their places in the log of the group; '': in the timelines
   * of the users.
   */
  places(users: readonly UserId[], group: GroupId | ''): PlaceAt[];
  /** Closes the session of the device, or of every device of the user, unless its epoch is above `upTo`. */
  kick(user: UserId, upTo: Epoch, reason: CloseReason, device?: DeviceId): void;
  /**
   * Tells that a user or an address is suspended for so long, or (0) no longer. Its sessions and connections
   * are closed.
   */
  suspended(subject: Subject, leftMs: number): void;
  /** Tells that a CIM client asks for the messages that were stored before its login. */
  fetchOffline(user: UserId): void;
  /** Tells senders here how far their messages have come. */
  delivered(notices: readonly DeliveredNotice[]): void;
  /**
   * Starts or ends moving sessions to the other im-servers, or asks for the state of it. This is not a hint:
   * the caller waits for the answer.
   */
  move(asked: MoveRequest): MoveStanding;
}
