import { contentType, copyOf, decodeContent, leaversOf, messageId } from '@cim/protocol';
import type { ProducerId, Seq, UserId, wire } from '@cim/protocol';
import type { Offered, StreamEvent } from './events.ts';
import { conversationOf } from './recipient.ts';

/** The stream that an entry was read from, and facts about its reader. */
export interface Reader {
  readonly me: UserId;
  /** Name of the stream. */
  readonly stream: string;
  /** The group on the wire; '' for the inbox. */
  readonly group: string;
  /** Whether this installation sends under the producer. */
  isOwn(producer: ProducerId): boolean;
}

/**
 * The event that an entry is offered as.
 * @returns `'own'`: this installation sent it, and it is not offered; `'unreadable'`: its content cannot be
 * decoded
 */
export function readEntry(entry: wire.Entry, reader: Reader): StreamEvent | 'own' | 'unreadable' {
  const { me, stream, group } = reader;
  const sender = entry.sender as UserId;
  const { producer, to } = copyOf(entry.producer as ProducerId);
  const own = sender === me;
  const content = decodeContent(entry.content);
  if (content === undefined) return 'unreadable';
  const of = contentType(content.type);
  // A message to oneself has no copy and is offered. Servers write changes of groups, under any producer.
  if (own && (group !== '' || to !== undefined) && of.author === 'users' && reader.isOwn(producer))
    return 'own';
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
  const said = of.says(content, offered.from);
  if (said === undefined) return 'unreadable';
  // The table has paired the name of the event with its value.
  const more = said.event === 'message' ? { n: entry.n } : {};
  return { event: said.event, value: { ...offered, ...said.value, ...more } } as StreamEvent;
}

/** Whether the event ends the user's membership of the group. */
export function isOut({ event, value }: StreamEvent, user: UserId): boolean {
  if (event !== 'members') return false;
  const leavers = leaversOf(value);
  return leavers === 'all' || leavers.includes(user);
}
