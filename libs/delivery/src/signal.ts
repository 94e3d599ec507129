import {
  cim,
  type DeviceId,
  type GroupId,
  groupStream,
  inboxOf,
  type NamedUser,
  type StreamRef,
  type UserId,
} from '@cim/protocol';

/** Something that is told to live sessions, best effort, and not stored. */
export type Signal =
  /** The sender writes to `to`. */
  | { readonly kind: 'typing'; readonly sender: NamedUser; readonly to: StreamRef }
  /** The sender has read its conversation with `to` up to `n`. Its own devices are told the same. */
  | { readonly kind: 'read'; readonly sender: NamedUser; readonly to: StreamRef; readonly n: number }
  /** A device of the receiver's own user has logged in. */
  | { readonly kind: 'device'; readonly device: DeviceId; readonly label: string };

const KINDS = {
  typing: cim.SignalKind.TYPING,
  read: cim.SignalKind.READ,
  device: cim.SignalKind.DEVICE,
} as const;

/** As the wire has it, between servers and to clients alike. */
export function signalToWire(signal: Signal): cim.Signal.$Properties {
  const kind = KINDS[signal.kind];
  if (signal.kind === 'device') return { kind, device: signal.device, label: signal.label };
  const { sender, to } = signal;
  return {
    kind,
    ...(to.kind === 'inbox' ? { to: to.user } : { group: to.group }),
    sender: sender.userId,
    senderName: sender.userName,
    n: signal.kind === 'read' ? signal.n : 0,
  };
}

/** From one of our servers. Undefined: a newer server's, of a kind that this version does not know. */
export function signalOfWire(wire: cim.Signal.$Properties): Signal | undefined {
  const sender = { userId: (wire.sender ?? 0) as UserId, userName: wire.senderName ?? '' };
  const to = wire.to ? inboxOf(wire.to as UserId) : groupStream((wire.group ?? '') as GroupId);
  switch (wire.kind ?? cim.SignalKind.TYPING) {
    case cim.SignalKind.TYPING:
      return { kind: 'typing', sender, to };
    case cim.SignalKind.READ:
      return { kind: 'read', sender, to, n: wire.n ?? 0 };
    case cim.SignalKind.DEVICE:
      return { kind: 'device', device: (wire.device ?? '') as DeviceId, label: wire.label ?? '' };
    default:
      return undefined;
  }
}
