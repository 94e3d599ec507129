import { wire } from '@cim/protocol';
import type { NamedUser, UserId } from '@cim/protocol';
import type { Emitter } from './emitter.ts';
import type { ClientEvents } from './events.ts';
import { conversationOf } from './recipient.ts';

/**
 * Emits the event for a signal: `typing`, `read`, `device` or `unsent`. A kind that only a newer server knows
 * is ignored.
 */
export function tellSignal(events: Emitter<ClientEvents>, me: UserId, signal: wire.Signal): void {
  const { kind, to, group, n, device, label, scheduled: id, code, text } = signal;
  const from: NamedUser = { userId: signal.sender as UserId, userName: signal.senderName };
  const own = from.userId === me;
  const conversation = conversationOf(group === '' ? { user: own ? to : from.userId } : { group });
  const kinds: Readonly<Record<number, () => void>> = {
    [wire.SIGNAL_KINDS.typing]: () => events.emit('typing', { from, conversation }),
    [wire.SIGNAL_KINDS.read]: () => events.emit('read', { from, conversation, n, own }),
    [wire.SIGNAL_KINDS.device]: () => events.emit('device', { device, label }),
    [wire.SIGNAL_KINDS.unsent]: () => events.emit('unsent', { id, code, text }),
  };
  kinds[kind]?.();
}
