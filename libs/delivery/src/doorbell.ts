import type { CloseReason, DeviceId, Epoch, GroupId, InstanceId, Seq, UserId } from '@cim/protocol';
import type { Load } from '@cim/runtime';
import type { Entry, Subject } from '@cim/store';
import type { MoveRequest, MoveStanding } from './moving.ts';
import type { Signal } from './signal.ts';

/** The inbox of `to` is acked up to `seq`, and entries of `sender` were among what was. */
export interface DeliveredNotice {
  readonly sender: UserId;
  readonly to: UserId;
  readonly seq: Seq;
}

/** How busy an im-server is. */
export interface ServerLoad extends Load {
  readonly sessions: number;
  /** With those that have not logged in. */
  readonly connections: number;
  /** Its lease holds, so that it delivers. */
  readonly serving: boolean;
}

/** A session at an im-server, and how far one stream has gone out to it. */
export interface PlaceAt {
  readonly user: UserId;
  readonly device: DeviceId;
  readonly epoch: Epoch;
  /** Of the client. */
  readonly address: string;
  /** Undefined: the session does not follow the stream. */
  readonly place: { readonly sent: Seq; readonly acked: Seq } | undefined;
}

/**
 * What servers can ask of an im-server: in the same process directly, elsewhere by RPC.
 * Every call is a hint: what is lost here costs time, never a message.
 */
export interface Doorbell {
  /** This process's life as an im-server, as it stands now. */
  readonly instance: InstanceId;
  /**
   * An entry of the user's inbox, for all devices of the user that are here. `entry` absent: look into the log. `gone`: no
   * session of that user is here.
   * @param from instance at which the sender is, for `delivered`; undefined when it has no session
   * @param except the session that sent it, as `SendRequest.origin` named it: it counts as a session that is here, and is
   * given nothing
   */
  deliver(
    user: UserId,
    entry: Entry | undefined,
    from: InstanceId | undefined,
    except?: object,
  ): 'taken' | 'gone';
  /** To every session here that follows the group. `entry` absent: look into the log. */
  broadcast(group: GroupId, entry: Entry | undefined): void;
  /** To the sessions of these users that are here. */
  signal(users: readonly UserId[], signal: Signal): void;
  /** To the sessions here that follow the group, those of the sender left out. */
  signalGroup(group: GroupId, signal: Signal): void;
  /** These users have come into a group, or have left one: their sessions follow those that they are members of. */
  groupsChanged(users: readonly UserId[]): void;
  /** Whether the user, or that device of the user, has a session here, or a login of theirs is being told to the store. */
  holds(user: UserId, device?: DeviceId): boolean;
  load(): ServerLoad;
  /** The sessions of these users that are here, and their places in the group; '': each in the timeline of its user. */
  places(users: readonly UserId[], group: GroupId | ''): PlaceAt[];
  /** Closes the session of the device, or of every device of the user, unless its epoch is above `upTo`. */
  kick(user: UserId, upTo: Epoch, reason: CloseReason, device?: DeviceId): void;
  /** A user or an address is suspended for so long, or (0) no longer: its sessions and connections are closed. */
  suspended(subject: Subject, leftMs: number): void;
  /** A CIM client asks for what was stored before its login. */
  fetchOffline(user: UserId): void;
  /** Senders here are told how far their messages have come. */
  delivered(notices: readonly DeliveredNotice[]): void;
  /** An operator wants sessions to move to the other im-servers, or no longer, or asks how it stands. No hint: the caller waits. */
  move(asked: MoveRequest): MoveStanding;
}
