import {
  copyOf,
  type GroupId,
  groupStream,
  inboxOf,
  isGroupId,
  isUserId,
  ofStream,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Entry } from './streams.ts';

/** A conversation as one user names it: by the other user of a private one, or by the group. */
export type ConversationRef =
  | { readonly kind: 'user'; readonly user: UserId }
  | { readonly kind: 'group'; readonly group: GroupId };

/** The name of a conversation: `u1001`, `g17` or `globby`. */
export const conversationName = (of: ConversationRef): string =>
  of.kind === 'user' ? `u${of.user}` : `g${of.group}`;

/** Parses a name that `conversationName` makes. Undefined for any other text. */
export function parseConversation(text: string): ConversationRef | undefined {
  const rest = text.slice(1);
  if (text.startsWith('g') && isGroupId(rest)) return { kind: 'group', group: rest };
  const user = Number(rest);
  return text.startsWith('u') && /^[1-9]\d{0,15}$/.test(rest) && isUserId(user)
    ? { kind: 'user', user }
    : undefined;
}

/**
 * The stream that holds the conversation for `user`. A private conversation is a part of the user's own
 * timeline.
 */
export const streamOfConversation = (user: UserId, of: ConversationRef): StreamRef =>
  of.kind === 'user' ? inboxOf(user) : groupStream(of.group);

/** The conversation of a message to this stream, as its sender names it. */
export const conversationOf = (to: StreamRef): ConversationRef =>
  ofStream<ConversationRef>(
    to,
    (user) => ({ kind: 'user', user }),
    (group) => ({ kind: 'group', group }),
  );

/** The stream that a message to the conversation is appended to. */
export const streamToAppend = (of: ConversationRef): StreamRef =>
  of.kind === 'user' ? inboxOf(of.user) : of;

/** The other user of the private conversation that an entry of `user`'s timeline belongs to. */
export const peerOf = (user: UserId, { sender, producer }: Entry): UserId =>
  sender.userId === user ? (copyOf(producer).to ?? user) : sender.userId;
