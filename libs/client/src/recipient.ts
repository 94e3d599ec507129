import { groupStream, inboxOf, LOBBY, streamName, type UserId } from '@cim/protocol';
import type { Recipient } from './events.ts';
import type { WireRecipient } from './outbox.ts';

/** As the wire and the outbox name it. */
export function wireRecipient(to: Recipient): WireRecipient {
  if ('user' in to) return { to: to.user, group: '', stream: streamName(inboxOf(to.user as UserId)) };
  return { to: 0, group: LOBBY, stream: streamName(groupStream(LOBBY)) };
}

/** Half a surrogate pair is no character and has no UTF-8. */
export const wellFormed = (text: string): string =>
  /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\u{fffd}') : text;
