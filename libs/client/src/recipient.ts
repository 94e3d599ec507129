import { CimError, groupStream, inboxOf, isGroupId, isUserId, LOBBY, streamName } from '@cim/protocol';
import type { GroupId, UserId } from '@cim/protocol';
import type { Recipient } from './events.ts';

/** A recipient on the wire: `to` is a user, or 0 with a group. */
export interface WireRecipient {
  readonly to: number;
  readonly group: string;
  /** Name of the stream that messages to it are appended to. */
  readonly stream: string;
}

/** The recipient as the wire and the outbox name it. */
export const wireRecipient = (to: Recipient): WireRecipient =>
  'user' in to ? wireRecipientOf(to.user, '') : wireRecipientOf(0, to.group);

export const wireRecipientOf = (to: number, group: string): WireRecipient =>
  to === 0
    ? { to, group, stream: streamName(groupStream(group as GroupId)) }
    : { to, group: '', stream: streamName(inboxOf(to as UserId)) };

/** The recipient as an application names it. */
export const recipientOf = ({ to, group }: WireRecipient): Recipient => (to === 0 ? { group } : { user: to });

/** The conversation with the recipient: `u<userId>` or `g<groupId>`, as `client.conversation` takes it. */
export const conversationOf = (to: Recipient): string => ('user' in to ? `u${to.user}` : `g${to.group}`);

/** Parses the name of a conversation. @throws {CimError} 3000: it is not a valid name */
export function recipientOfConversation(name: string): Recipient {
  const id = name.slice(1);
  if (name.startsWith('g') && isGroupId(id)) return { group: id };
  if (name.startsWith('u') && /^[1-9]\d*$/.test(id) && isUserId(Number(id))) return { user: Number(id) };
  throw new CimError('invalid', `"${name}" is no conversation; give u<userId> or g<groupId>`);
}

/** Says what is wrong with a recipient; undefined: nothing. A program without types may pass anything. */
export function recipientProblem(to: unknown): string | undefined {
  const wanted = `a message goes to { user: id }, to { group: id } or to { group: '${LOBBY}' }`;
  if (typeof to !== 'object' || to === null) return wanted;
  if ('user' in to) return isUserId(to.user) ? undefined : `${String(to.user)} is no user id`;
  if (!('group' in to)) return wanted;
  return isGroupId(to.group) ? undefined : `there is no group "${String(to.group)}"; ${wanted}`;
}

/** Replaces halves of surrogate pairs, which have no UTF-8. */
export const wellFormed = (text: string): string =>
  /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\u{fffd}') : text;
