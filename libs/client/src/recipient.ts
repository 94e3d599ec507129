import { groupStream, inboxOf, LOBBY, streamName, type UserId } from '@cim/protocol';
import type { Recipient } from './events.ts';

/** Recipient as the wire has it: `to` a user, or 0 and a group. */
export interface WireRecipient {
  readonly to: number;
  readonly group: string;
  /** Name of the stream it is appended to. */
  readonly stream: string;
}

/** As the wire and the outbox name it. */
export function wireRecipient(to: Recipient): WireRecipient {
  if ('user' in to) return { to: to.user, group: '', stream: streamName(inboxOf(to.user as UserId)) };
  return { to: 0, group: LOBBY, stream: streamName(groupStream(LOBBY)) };
}

export const wireRecipientOf = (to: number, group: string): WireRecipient =>
  to === 0 ? { to, group, stream: `group:${group}` } : wireRecipient({ user: to });

/** As an application names it. */
export const recipientOf = ({ to }: WireRecipient): Recipient =>
  to === 0 ? { group: 'lobby' } : { user: to };

/** Half a surrogate pair is no character and has no UTF-8. */
export const wellFormed = (text: string): string =>
  /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\u{fffd}') : text;
