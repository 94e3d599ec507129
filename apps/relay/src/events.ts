/** Makes events from records of the feed. docs/business.md describes each event; a test compares. */
import { contentFacts, groupOf, LOBBY, type MessageId, ownerOf, type UserId } from '@cim/protocol';
import {
  conversationName,
  conversationOf,
  type Entry,
  type EntryRecord,
  type EventType,
  type FeedEvent,
  type FeedRecord,
  messageIdOf,
  toldMessage,
} from '@cim/store';
import type { GroupMessage } from './away.ts';

/** Key: operation of a group, as its entries name it. Value: the type of its event. */
const GROUP_EVENTS: Readonly<Record<string, EventType>> = {
  create: 'group.created',
  change: 'group.changed',
  add: 'group.added',
  join: 'group.joined',
  leave: 'group.left',
  remove: 'group.removed',
  role: 'group.role',
  mute: 'group.muted',
  transfer: 'group.transferred',
  disband: 'group.disbanded',
};

/** An event in the form that the body of a request has. */
export interface RelayEvent {
  /** The same id each time the event is sent. */
  readonly id: string;
  readonly type: EventType;
  /** When it happened: ISO 8601, the store's clock. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event, and what the relay must know to send it. */
export interface Told {
  readonly event: RelayEvent;
  /** Events of one conversation are sent one after the other. */
  readonly conversation: string;
  /** Names of the users and the group that the event concerns: `u1001`, `g17`. */
  readonly concerns: readonly string[];
  /** Set in `message.offline`: send the event only if no device of this user is online. */
  readonly offline?: UserId;
  /** Set in `message.offline` of a group: send the event only if members are away, and name them. */
  readonly away?: GroupMessage;
}

/** The events of a record of the feed, in the order in which they are sent. */
export const eventsOf = (record: FeedRecord): readonly Told[] =>
  'event' in record ? [toldOf(record.event)] : eventsOfEntry(record);

/** The ids are made of what the feed has, so that they are the same each time. */
function toldOf(event: FeedEvent): Told {
  const timestamp = new Date(event.at).toISOString();
  switch (event.kind) {
    case 'delivered': {
      const { user, first, last } = event;
      const data = { to: { user: String(user) }, first, last };
      const type = 'message.delivered';
      return {
        event: { id: `${type}:${user}:${last}`, type, timestamp, data },
        ...{ conversation: `delivered-u${user}`, concerns: [`u${user}`] },
      };
    }
    case 'online':
    case 'offline': {
      const { kind, user, name, at } = event;
      const type = `user.${kind}` as const;
      return {
        event: { id: `${type}:${user}:${at}`, type, timestamp, data: { user: { id: String(user), name } } },
        ...{ conversation: `presence-u${user}`, concerns: [`u${user}`] },
      };
    }
    case 'banned':
    case 'unbanned': {
      const { subject, at } = event;
      const type = event.kind === 'banned' ? 'ban.made' : 'ban.lifted';
      const [kind = '', ...name] = subject.split(':');
      const data = {
        ...{ [kind]: name.join(':') },
        ...(event.kind === 'banned'
          ? { reason: event.reason, step: event.step, until: new Date(event.until).toISOString() }
          : {}),
      };
      return {
        event: { id: `${type}:${subject}:${at}`, type, timestamp, data },
        ...{ conversation: subject, concerns: kind === 'user' ? [`u${name.join('')}`] : [] },
      };
    }
  }
}

function eventsOfEntry({ stream, entry }: EntryRecord): readonly Told[] {
  const { sender, storedAt } = entry;
  const { author, unread } = contentFacts(entry.content);
  const id = messageIdOf(entry);
  const recipient = ownerOf(stream);
  const from = `u${sender.userId}`;
  const to = conversationName(conversationOf(stream));
  const timestamp = new Date(storedAt).toISOString();
  const data = messageOf(stream, entry, id);
  // The two directions of a private conversation have one name.
  const conversation =
    recipient === undefined
      ? to
      : `u${Math.min(sender.userId, recipient)}-${Math.max(sender.userId, recipient)}`;
  const told = (name: EventType): Told => ({
    event: { id: `${name}:${id}`, type: name, timestamp, data },
    ...{ conversation, concerns: [from, to] },
  });
  // Entries that servers write are changes of groups.
  if (author === 'servers') return [told(GROUP_EVENTS[operationOf(data)] ?? 'group.changed')];
  const stored = told('message.stored');
  if (!unread || recipient === sender.userId) return [stored];
  const offline = told('message.offline');
  if (recipient !== undefined) return [stored, { ...offline, offline: recipient }];
  const group = groupOf(stream);
  // The members of the lobby are all users.
  if (group === undefined || group === LOBBY) return [stored];
  return [stored, { ...offline, away: { group, seq: entry.seq, sender: sender.userId } }];
}

function messageOf(
  stream: EntryRecord['stream'],
  { sender, seq, n, storedAt, content }: Entry,
  id: MessageId,
) {
  const message = toldMessage({ id, sender, to: stream, content });
  return { ...message, seq, n, storedAt: new Date(storedAt).toISOString() };
}

const operationOf = ({ body }: { readonly body?: unknown }): string => {
  const { op } = (body ?? {}) as { readonly op?: unknown };
  return typeof op === 'string' ? op : '';
};
