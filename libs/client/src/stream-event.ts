import { copyOf, decodeContent, isUserId, messageId } from '@cim/protocol';
import type { MessageId, NamedUser, ProducerId, Seq, UserId, wire } from '@cim/protocol';
import type { MembersChange, Offered, StreamEvent } from './events.ts';
import { conversationOf } from './recipient.ts';

/** The stream that an entry was read from, and what the reader knows of itself. */
export interface Reader {
  readonly me: UserId;
  /** Name of the stream. */
  readonly stream: string;
  /** Of the wire: '' for the inbox. */
  readonly group: string;
  /** Whether this installation sends under the producer. */
  isOwn(producer: ProducerId): boolean;
}

/**
 * An entry as the application is offered it.
 * @returns `'own'`: this installation sent it, and it is not offered; `'unreadable'`: its content is none that is known here
 */
export function readEntry(entry: wire.Entry, reader: Reader): StreamEvent | 'own' | 'unreadable' {
  const { me, stream, group } = reader;
  const sender = entry.sender as UserId;
  const { producer, to } = copyOf(entry.producer as ProducerId);
  const own = sender === me;
  const content = decodeContent(entry.content);
  if (content === undefined) return 'unreadable';
  const { texts, type } = content;
  // A message to oneself has no copy and is offered. Servers write what changes a group, under any producer.
  if (own && (group !== '' || to !== undefined) && type !== 'member' && reader.isOwn(producer)) return 'own';
  const peer = own ? (to ?? me) : sender;
  const offered: Offered = {
    stream,
    seq: entry.seq as Seq,
    id: messageId(sender, producer, entry.counter),
    from: { userId: sender, userName: entry.senderName },
    to: group === '' ? { user: own ? peer : me } : { group },
    own,
    conversation: conversationOf(group === '' ? { user: peer } : { group }),
    storedAt: entry.storedAt,
    ...(group !== '' && { group }),
  };
  const ref = content.ref as MessageId;
  switch (type) {
    case 'recall':
      return { event: 'recalled', value: { ...offered, ref } };
    case 'edit':
      return { event: 'edited', value: { ...offered, ref, texts } };
    case 'reaction':
      return { event: 'reaction', value: { ...offered, ref, reaction: texts[0] ?? '' } };
    case 'member': {
      const change = membersChangeOf(content.body, offered.from);
      return change === undefined
        ? 'unreadable'
        : { event: 'members', value: { ...offered, group, ...change } };
    }
    default: {
      // A copy: the bytes of a frame do not outlive it.
      const typed = type === '' ? {} : { body: new Uint8Array(content.body) };
      const { n } = entry;
      const value = { ...offered, texts, type, n, ...typed, ...(ref !== '' && { ref }) };
      return { event: 'message', value };
    }
  }
}

/** Whether the user is no member of the group any more behind this event. */
export function isOut({ event, value }: StreamEvent, user: UserId): boolean {
  if (event !== 'members') return false;
  if (value.op === 'disband') return true;
  return (value.op === 'leave' || value.op === 'remove') && value.users.some(({ userId }) => userId === user);
}

/** Undefined: the body is none of a content of type `member`. */
function membersChangeOf(body: Uint8Array, from: NamedUser): Omit<MembersChange, keyof Offered> | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { op, users, name, category, join, role, muted } = raw as Record<string, unknown>;
  if (typeof op !== 'string') return undefined;
  return {
    op,
    users: Array.isArray(users) ? users.flatMap((user) => userOf(user) ?? []) : [from],
    ...(typeof name === 'string' && { name }),
    ...(typeof category === 'string' && { category }),
    ...(typeof join === 'string' && { join }),
    ...(typeof role === 'string' && { role }),
    ...(typeof muted === 'boolean' && { muted }),
  };
}

function userOf(raw: unknown): NamedUser | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { id, name } = raw as Record<string, unknown>;
  const userId = Number(id);
  return isUserId(userId) && typeof name === 'string' ? { userId, userName: name } : undefined;
}
