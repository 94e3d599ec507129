import {
  cim,
  CLOSE_REASONS,
  type CloseReason,
  closeReasonOf,
  decodeEntry,
  type DeviceId,
  entryBytes,
  type Epoch,
  FIELD_BYTES,
  type GroupId,
  type InstanceId,
  type Seq,
  type UserId,
  varintBytes,
  WireReader,
  writeBytes,
  writeNumber,
} from '@cim/protocol';
import { RPC, type RpcHandler } from '@cim/rpc';
import { SEND_OUTCOMES, type Traffic } from '@cim/runtime';
import { type Entry, parseSubject, type Subject } from '@cim/store';
import type { DeliveredNotice, Doorbell, PlaceAt, ServerLoad } from './doorbell.ts';
import { decodeMove, encodeStanding } from './moving.ts';
import { groupOfSignal, type Signal, signalOfWire, signalToWire } from './signal.ts';

const NOTHING = new Uint8Array();
/** Most bytes of the tags, lengths and user of a `Delivery`. */
const DELIVERY_BYTES = 3 * FIELD_BYTES;
/**
 * The entry of a call. Calls come from our own servers over an authenticated connection, so the bytes are
 * trusted. The content stays a view of them.
 */
const entryOf = (bytes: Uint8Array) => (bytes.length === 0 ? undefined : (decodeEntry(bytes) as Entry));

/**
 * Encodes a call by hand. Each pushed text is encoded here; the generated encoder would be a sixth of the
 * cost of a push.
 */
export function encodeDeliver(
  pushes: readonly { readonly user: UserId; readonly entry: Entry | undefined }[],
  from: InstanceId | undefined,
): Uint8Array {
  const sendersAt = Buffer.from(from ?? '');
  const entries: Uint8Array[] = [];
  let most = DELIVERY_BYTES + sendersAt.length;
  for (const { entry } of pushes) {
    const bytes = entry === undefined ? NOTHING : entryBytes(entry);
    entries.push(bytes);
    most += DELIVERY_BYTES + bytes.length;
  }
  const call = Buffer.allocUnsafe(most);
  let at = 0;
  for (let i = 0; i < pushes.length; i++) {
    const { user } = pushes[i] as { readonly user: UserId };
    const entry = entries[i] as Uint8Array;
    const lengthOfEntry = entry.length === 0 ? 0 : 1 + varintBytes(entry.length) + entry.length;
    at = writeNumber(call, at, 0x0a, 1 + varintBytes(user) + lengthOfEntry);
    at = writeNumber(call, at, 0x08, user);
    if (lengthOfEntry > 0) at = writeBytes(call, at, 0x12, entry);
  }
  if (sendersAt.length > 0) at = writeBytes(call, at, 0x12, sendersAt);
  return call.subarray(0, at);
}

const CALL = new WireReader();
const DELIVERY = new WireReader();

interface Delivery {
  readonly user: number;
  /** An encoded entry. Empty: the im-server reads the log. */
  readonly entry: Uint8Array;
}

/** @throws when the bytes are not a valid call */
export function decodeDeliver(call: Uint8Array): { readonly from: string; readonly deliveries: Delivery[] } {
  const deliveries: Delivery[] = [];
  let from = '';
  CALL.open(call);
  for (let tag = CALL.tag(); tag !== 0; tag = CALL.tag()) {
    if (tag === 0x12) from = CALL.knownText();
    else if (tag === 0x0a) deliveries.push(deliveryOf(CALL.bytes()));
    else CALL.giveUp();
  }
  if (!CALL.unfamiliar) return { from, deliveries };
  const decoded = cim.DeliverCall.decode(call);
  return { from: decoded.from, deliveries: decoded.deliveries as cim.Delivery[] };
}

function deliveryOf(bytes: Uint8Array): Delivery {
  let user = 0;
  let entry: Uint8Array = NOTHING;
  DELIVERY.open(bytes);
  for (let tag = DELIVERY.tag(); tag !== 0; tag = DELIVERY.tag()) {
    if (tag === 0x08) user = DELIVERY.number();
    else if (tag === 0x12) entry = DELIVERY.bytes();
    else DELIVERY.giveUp();
  }
  if (DELIVERY.unfamiliar) CALL.giveUp();
  return { user, entry };
}

/** Indexes of the pushes that found no session. */
export const goneOf = (reply: Uint8Array): readonly number[] =>
  reply.length === 0 ? [] : cim.DeliverReply.decode(reply).gone;
export const encodeBroadcast = (group: GroupId, entry: Entry | undefined): Uint8Array =>
  cim.BroadcastCall.encode({
    group,
    entry: entry === undefined ? NOTHING : entryBytes(entry),
  }).finish();
export const encodeKick = (
  user: UserId,
  upTo: Epoch,
  reason: CloseReason,
  device: DeviceId | undefined,
): Uint8Array =>
  cim.KickCall.encode({
    user,
    epoch: upTo,
    reason: CLOSE_REASONS[reason].number,
    device: device ?? '',
  }).finish();
export const encodeSuspended = (subject: Subject, leftMs: number): Uint8Array =>
  cim.SuspendedCall.encode({ subject, leftMs: Math.ceil(leftMs) }).finish();
export const encodeHolds = (user: UserId, device: DeviceId | undefined): Uint8Array =>
  cim.HoldsCall.encode({ user, device: device ?? '' }).finish();
export const holdsOf = (reply: Uint8Array): boolean => cim.HoldsReply.decode(reply).holds;
export const loadOf = (reply: Uint8Array): ServerLoad => {
  const { cpuPermille, sessions, connections, serving, loopDelayMs, rssBytes, traffic } =
    cim.LoadReply.decode(reply);
  return {
    ...{ sessions, connections, serving, loopDelayMs, rssBytes, cpu: cpuPermille / 1_000 },
    ...(traffic != null && { traffic: trafficOf(traffic as cim.Traffic) }),
  };
};
/** Another version may count by other outcomes and other buckets: the outcomes that both know come first. */
function trafficOf(counted: cim.Traffic): Traffic {
  const { sends, deliveries, refusedConnections, sendDurations, deliveryDurations } = counted;
  const byOutcome = Object.fromEntries(SEND_OUTCOMES.map((outcome, i) => [outcome, sends[i] ?? 0]));
  return {
    ...{ deliveries, refusedConnections, sendDurations, deliveryDurations },
    sends: byOutcome as Traffic['sends'],
  };
}
const encodeLoad = (load: ServerLoad): Uint8Array =>
  cim.LoadReply.encode({
    ...load,
    traffic: load.traffic === undefined ? null : encodable(load.traffic),
    cpuPermille: Math.round(load.cpu * 1_000),
    loopDelayMs: Math.round(load.loopDelayMs),
  }).finish();
const encodable = ({ sends, sendDurations, deliveryDurations, ...counts }: Traffic) => ({
  ...counts,
  sends: SEND_OUTCOMES.map((outcome) => sends[outcome]),
  ...{ sendDurations: [...sendDurations], deliveryDurations: [...deliveryDurations] },
});
/** Encodes a question for places. @param group '': the timeline of each user */
export const encodePlaces = (users: readonly UserId[], group: GroupId | ''): Uint8Array =>
  cim.PlacesCall.encode({ users: [...users], group }).finish();
export const placesOf = (reply: Uint8Array): PlaceAt[] =>
  cim.PlacesReply.decode(reply).places.map((place) => {
    const { user, device, epoch, address, follows, sent, acked } = place as cim.Place;
    return {
      ...{ user: user as UserId, device: device as DeviceId, epoch: epoch as Epoch, address },
      place: follows ? { sent: sent as Seq, acked: acked as Seq } : undefined,
    };
  });
export const encodeFetchOffline = (user: UserId): Uint8Array =>
  cim.FetchOfflineCall.encode({ user }).finish();
/** Encodes a signal. @param users receivers; empty: the sessions that follow the signal's group */
export const encodeSignal = (users: readonly UserId[], signal: Signal): Uint8Array =>
  cim.SignalCall.encode({ users: [...users], signal: signalToWire(signal) }).finish();
export const encodeGroupsChanged = (users: readonly UserId[]): Uint8Array =>
  cim.GroupsCall.encode({ users: [...users] }).finish();
export const encodeDelivered = (notices: DeliveredNotice[]): Uint8Array =>
  cim.DeliveredCall.encode({ notices }).finish();

const deviceOf = (wire: string): DeviceId | undefined => (wire === '' ? undefined : (wire as DeviceId));

/** The answering end: the handlers that an im-server gives to its RpcServer. */
export function doorbellHandlers(bell: Doorbell): ReadonlyMap<number, RpcHandler> {
  return new Map<number, RpcHandler>([
    [
      RPC.deliver,
      (payload) => {
        const { from, deliveries } = decodeDeliver(payload);
        const sendersAt = from === '' ? undefined : (from as InstanceId);
        const gone: number[] = [];
        for (const [i, { user, entry }] of deliveries.entries())
          if (bell.deliver(user as UserId, entryOf(entry), sendersAt) === 'gone') gone.push(i);
        return gone.length === 0 ? NOTHING : cim.DeliverReply.encode({ gone }).finish();
      },
    ],
    [
      RPC.broadcast,
      (payload) => {
        const call = cim.BroadcastCall.decode(payload);
        bell.broadcast(call.group as GroupId, entryOf(call.entry));
        return NOTHING;
      },
    ],
    [
      RPC.kick,
      (payload) => {
        const call = cim.KickCall.decode(payload);
        bell.kick(
          call.user as UserId,
          call.epoch as Epoch,
          closeReasonOf(call.reason),
          deviceOf(call.device),
        );
        return NOTHING;
      },
    ],
    [
      RPC.suspended,
      (payload) => {
        const { subject, leftMs } = cim.SuspendedCall.decode(payload);
        const parsed = parseSubject(subject);
        if (parsed !== undefined) bell.suspended(parsed, leftMs);
        return NOTHING;
      },
    ],
    [
      RPC.fetchOffline,
      (payload) => {
        bell.fetchOffline(cim.FetchOfflineCall.decode(payload).user as UserId);
        return NOTHING;
      },
    ],
    [
      RPC.holds,
      (payload) => {
        const { user, device } = cim.HoldsCall.decode(payload);
        return cim.HoldsReply.encode({ holds: bell.holds(user as UserId, deviceOf(device)) }).finish();
      },
    ],
    [RPC.load, () => encodeLoad(bell.load())],
    [
      RPC.places,
      (payload) => {
        const { users, group } = cim.PlacesCall.decode(payload);
        const places = bell
          .places(users as UserId[], group as GroupId | '')
          .map(({ place, ...at }) => ({ ...at, ...place, follows: place !== undefined }));
        return cim.PlacesReply.encode({ places }).finish();
      },
    ],
    [
      RPC.signal,
      (payload) => {
        const call = cim.SignalCall.decode(payload);
        const signal = call.signal ? signalOfWire(call.signal) : undefined;
        if (signal === undefined) return NOTHING;
        if (call.users.length > 0) bell.signal(call.users as UserId[], signal);
        else {
          const group = groupOfSignal(signal);
          if (group !== undefined) bell.signalGroup(group, signal);
        }
        return NOTHING;
      },
    ],
    [
      RPC.groups,
      (payload) => {
        bell.groupsChanged(cim.GroupsCall.decode(payload).users as UserId[]);
        return NOTHING;
      },
    ],
    [RPC.move, (payload) => encodeStanding(bell.move(decodeMove(payload)))],
    [
      RPC.delivered,
      (payload) => {
        const { notices } = cim.DeliveredCall.decode(payload);
        bell.delivered(
          notices.map(({ sender, to, seq }) => ({
            sender: (sender ?? 0) as UserId,
            to: (to ?? 0) as UserId,
            seq: (seq ?? 0) as Seq,
          })),
        );
        return NOTHING;
      },
    ],
  ]);
}
