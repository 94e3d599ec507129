import type { DeliveredNotice } from '@cim/delivery';
import type { CloseReason, Epoch, GroupId, InstanceId, NamedUser, Seq } from '@cim/protocol';
import type { Entry } from '@cim/store';
import type { SharedFrame } from './shared-frame.ts';

/** An authenticated channel, whichever wire it speaks. */
export interface Session extends NamedUser {
  readonly epoch: Epoch;
  /**
   * An entry of the inbox was pushed; undefined: look into the log. `gone`: it is ending, the user may be elsewhere.
   * @param from instance at which the sender is, to be told when this is delivered
   */
  deliver(entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone';
  /** Messages of this user have come to their recipient. */
  delivered(notice: DeliveredNotice): void;
  /** An entry of a group was pushed; the frame is shared by all sessions of this server. */
  broadcast(group: GroupId, shared: SharedFrame): void;
  /** A CIM client asks for what was stored before its login. */
  fetchOffline(): void;
  /**
   * Goes on with whatever waits: the server serves again, or it is time for the look at the log.
   * @param groups the newest seq of each group, read once for all sessions
   */
  look(groups: ReadonlyMap<GroupId, Seq>): void;
  /** The channel has ended. */
  onClosed(): void;
  /** Says goodbye in the wire's own way, then closes. `afterMs`: not to come back before. */
  close(reason: CloseReason, afterMs?: number): void;
}
