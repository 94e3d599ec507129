import {
  cim,
  type DeviceId,
  type GroupId,
  groupOf,
  groupStream,
  inboxOf,
  type NamedUser,
  type MessageId,
  type ProducerId,
  ownerOf,
  type StreamRef,
  type UserId,
} from '@cim/protocol';

/** Information for live sessions that is sent best effort and not stored. */
export type Signal =
  /** The sender is typing a message to `to`. */
  | { readonly kind: 'typing'; readonly sender: NamedUser; readonly to: StreamRef }
  /** The sender has read its conversation with `to` up to `n`. Its own devices are told the same. */
  | { readonly kind: 'read'; readonly sender: NamedUser; readonly to: StreamRef; readonly n: number }
  /** A device of the receiver's own user has logged in. */
  | { readonly kind: 'device'; readonly device: DeviceId; readonly label: string }
  /**
   * A message of the receiver's own user will not be sent: a scheduled one, by its id, was refused when its time had come, or a
   * held one, by the id of the message, was not allowed.
   */
  | {
      readonly kind: 'unsent';
      readonly id: ProducerId | MessageId;
      readonly code: string;
      readonly text: string;
    };

/** Encodes a signal as it goes between servers and to clients. */
export function signalToWire(signal: Signal): cim.Signal.$Properties {
  switch (signal.kind) {
    case 'typing':
      return { kind: cim.SignalKind.TYPING, ...saidTo(signal) };
    case 'read':
      return { kind: cim.SignalKind.READ, ...saidTo(signal), n: signal.n };
    case 'device':
      return { kind: cim.SignalKind.DEVICE, device: signal.device, label: signal.label };
    case 'unsent': {
      const { id, code, text } = signal;
      return { kind: cim.SignalKind.UNSENT, scheduled: id, code, text };
    }
  }
}

const saidTo = ({ sender, to }: Extract<Signal, { readonly sender: NamedUser }>): cim.Signal.$Properties => ({
  to: ownerOf(to) ?? 0,
  group: groupOf(to) ?? '',
  sender: sender.userId,
  senderName: sender.userName,
});

/** The group whose sessions receive the signal; undefined for a signal to users. */
export const groupOfSignal = (signal: Signal): GroupId | undefined =>
  'to' in signal ? groupOf(signal.to) : undefined;

/** Decodes a signal from one of our servers. Undefined: its kind is known to newer versions only. */
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
    case cim.SignalKind.UNSENT: {
      const id = (wire.scheduled ?? '') as ProducerId;
      return { kind: 'unsent', id, code: wire.code ?? '', text: wire.text ?? '' };
    }
    default:
      return undefined;
  }
}
