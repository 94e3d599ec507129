import {
  CimError,
  cim,
  CLOSE_REASONS,
  type CloseReason,
  closeReasonOf,
  type Epoch,
  type GroupId,
  type InstanceId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { RPC, type RpcHandler } from '@cim/rpc';
import type { Entry } from '@cim/store';
import type { DeliveredNotice, Doorbell } from './doorbell.ts';
import { entryFromWire, entryToWire } from './entry-codec.ts';

const wireEntry = (entry: Entry | undefined) => (entry === undefined ? {} : { entry: entryToWire(entry) });
const ownEntry = (wire: cim.Entry.$Properties | null | undefined) =>
  wire === null || wire === undefined ? undefined : entryFromWire(wire as cim.Entry);

export const encodeDeliver = (
  user: UserId,
  entry: Entry | undefined,
  from: InstanceId | undefined,
): Uint8Array => cim.DeliverCall.encode({ user, from: from ?? '', ...wireEntry(entry) }).finish();
export const encodeBroadcast = (group: GroupId, entry: Entry | undefined): Uint8Array =>
  cim.BroadcastCall.encode({ group, ...wireEntry(entry) }).finish();
export const encodeKick = (user: UserId, upTo: Epoch, reason: CloseReason): Uint8Array =>
  cim.KickCall.encode({ user, epoch: upTo, reason: CLOSE_REASONS[reason].number }).finish();
export const encodeFetchOffline = (user: UserId): Uint8Array =>
  cim.FetchOfflineCall.encode({ user }).finish();
export const encodeDelivered = (notices: DeliveredNotice[]): Uint8Array =>
  cim.DeliveredCall.encode({ notices }).finish();

export const isGone = (reply: Uint8Array): boolean =>
  cim.RpcReply.decode(reply).answer === cim.RpcAnswer.GONE;

const TAKEN = cim.RpcReply.encode({ answer: cim.RpcAnswer.TAKEN }).finish();
const GONE = cim.RpcReply.encode({ answer: cim.RpcAnswer.GONE }).finish();

/** The other end: what an im-server gives to its RpcServer. */
export function doorbellHandlers(bell: Doorbell): ReadonlyMap<number, RpcHandler> {
  const answering =
    (act: (payload: Uint8Array) => Uint8Array): RpcHandler =>
    (payload, reply, fail) => {
      let answer: Uint8Array;
      try {
        answer = act(payload);
      } catch (cause) {
        fail(
          new CimError(
            'failure',
            `the call failed: ${cause instanceof Error ? cause.message : String(cause)}`,
            { cause },
          ),
        );
        return;
      }
      reply(answer);
    };
  return new Map<number, RpcHandler>([
    [
      RPC.deliver,
      answering((payload) => {
        const call = cim.DeliverCall.decode(payload);
        const from = call.from === '' ? undefined : (call.from as InstanceId);
        return bell.deliver(call.user as UserId, ownEntry(call.entry), from) === 'gone' ? GONE : TAKEN;
      }),
    ],
    [
      RPC.broadcast,
      answering((payload) => {
        const call = cim.BroadcastCall.decode(payload);
        bell.broadcast(call.group as GroupId, ownEntry(call.entry));
        return TAKEN;
      }),
    ],
    [
      RPC.kick,
      answering((payload) => {
        const call = cim.KickCall.decode(payload);
        bell.kick(call.user as UserId, call.epoch as Epoch, closeReasonOf(call.reason));
        return TAKEN;
      }),
    ],
    [
      RPC.fetchOffline,
      answering((payload) => {
        bell.fetchOffline(cim.FetchOfflineCall.decode(payload).user as UserId);
        return TAKEN;
      }),
    ],
    [
      RPC.delivered,
      answering((payload) => {
        const { notices } = cim.DeliveredCall.decode(payload);
        bell.delivered(
          notices.map(({ sender, to, seq }) => ({
            sender: (sender ?? 0) as UserId,
            to: (to ?? 0) as UserId,
            seq: (seq ?? 0) as Seq,
          })),
        );
        return TAKEN;
      }),
    ],
  ]);
}
