/**
 * Keys of the database. They are made of ids that we made; names and group ids from outside cannot reach into
 * another key.
 */
import { hash } from 'node:crypto';
import {
  foldName,
  type GroupId,
  ofStream,
  type ProducerId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { ConversationRow } from '../conversation-rows.ts';
import type {
  AccountRecord,
  ApiKeysRecord,
  BlocksRecord,
  BansRecord,
  BatchesRecord,
  ClearingRecord,
  CursorRecord,
  FeedOnRecord,
  FeedStateRecord,
  FoldRecord,
  GapsRecord,
  GroupRecord,
  HeldCountRecord,
  HeldPastRecord,
  HeldRecord,
  HeldSenderRecord,
  MarkRecord,
  MemberRecord,
  MembershipsRecord,
  LastGroupRecord,
  FormatRecord,
  KeyedRecord,
  LetterRecord,
  NameRecord,
  NextUserRecord,
  PresentRecord,
  ProducerRecord,
  ScheduledCountRecord,
  ScheduledKeyRecord,
  ScheduledRecord,
  SessionRecord1,
  SessionsRecord,
  StreamRecord,
  WebhooksRecord,
} from './records.ts';

declare const record: unique symbol;

/** A database key and, for the type checker, the record under it. */
export type Key<T> = string & { readonly [record]: T };

const keyOf = <T>(text: string): Key<T> => text as Key<T>;
const padded = (n: number): string => String(n).padStart(16, '0');

/** An id inside a key: unchanged without a separator, otherwise hashed. "~" occurs in no unchanged id. */
const part = (id: GroupId | ProducerId): string =>
  /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : `~${hash('sha256', id, 'base64url')}`;

const nameOf = (stream: StreamRef): string =>
  ofStream(
    stream,
    (user) => `i${user}`,
    (group) => `g${part(group)}`,
  );

export const FORMAT = keyOf<FormatRecord>('m:format');
export const NEXT_USER = keyOf<NextUserRecord>('m:next-user');

/** All API keys. */
export const API_KEYS = keyOf<ApiKeysRecord>('m:api-keys');
/** The account of a subject of tokens. */
export const subjectKey = (subject: string): Key<NameRecord> =>
  keyOf(`j:${hash('sha256', subject, 'base64url')}`);
export const BANS = keyOf<BansRecord>('m:bans');

/** The group id that was given last. */
export const LAST_GROUP = keyOf<LastGroupRecord>('m:last-group');

/** Number of written batches, stored in each batch. */
export const BATCHES = keyOf<BatchesRecord>('m:batches');

/** @param name the stream's name in keys */
export const gapsKey = (name: string): Key<GapsRecord> => keyOf(`d:${name}`);

/** Written when the looks of all accounts are entered. */
export const LOOKS = keyOf<FormatRecord>('m:looks');

export const accountKey = (user: UserId): Key<AccountRecord> => keyOf(`a:${user}`);
export const nameKey = (name: string): Key<NameRecord> =>
  keyOf(`n:${hash('sha256', foldName(name), 'base64url')}`);
export const allAccounts = { gte: 'a:', lt: 'a;' };
/** The account that has a look (`looks.ts`). */
export const lookKey = (look: string): Key<NameRecord> => keyOf(`l:${hash('sha256', look, 'base64url')}`);
export const blocksKey = (user: UserId): Key<BlocksRecord> => keyOf(`q:${user}`);
export const sessionKey = (user: UserId): Key<SessionsRecord | SessionRecord1> => keyOf(`s:${user}`);
export const cursorKey = (user: UserId, stream: StreamRef): Key<CursorRecord> =>
  keyOf(`c:${user}:${nameOf(stream)}`);

export const streamKey = (stream: StreamRef): Key<StreamRecord> => keyOf(`t:${nameOf(stream)}`);
export const allStreams = { gte: 't:', lt: 't;' } as const;

/** The stream's name in the key of its record. */
export const nameOfStreamKey = (key: string): string => key.slice('t:'.length);
/** The name and the seq in the key of an entry, or of a row of the index of events. */
export function nameOfRow(key: string): { readonly name: string; readonly seq: number } {
  const [, name = '', seq = ''] = key.split(':');
  return { name, seq: Number(seq) };
}

/** The remaining rows are read in ranges. Their keys are plain text. */
export const entryKey = (stream: StreamRef, seq: Seq): string => `e:${nameOf(stream)}:${padded(seq)}`;
export const entriesFrom = (stream: StreamRef, seq: Seq): { gte: string; lt: string } => ({
  gte: entryKey(stream, seq),
  lt: `e:${nameOf(stream)};`,
});

/** Rows of the index of events, an `EventRecord` each. They are read in ranges. */
export const eventKey = (stream: StreamRef, seq: Seq): string => `v:${nameOf(stream)}:${padded(seq)}`;
export const eventsFrom = (stream: StreamRef, seq: Seq): { gte: string; lt: string } => ({
  gte: eventKey(stream, seq),
  lt: `v:${nameOf(stream)};`,
});
export const eventsBefore = (stream: StreamRef, seq: Seq): { gte: string; lt: string } => ({
  gte: `v:${nameOf(stream)}:`,
  lt: eventKey(stream, seq),
});

/** @param window see `RETENTION.producerEntries` */
export const producerKey = (
  stream: StreamRef,
  window: number,
  sender: UserId,
  producer: ProducerId,
): Key<ProducerRecord> => keyOf(`${producersOf(stream, window)}:${sender}:${part(producer)}`);
export const producersBefore = (stream: StreamRef, window: number): { gte: string; lt: string } => ({
  gte: `p:${nameOf(stream)}:`,
  lt: producersOf(stream, window),
});
const producersOf = (stream: StreamRef, window: number): string => `p:${nameOf(stream)}:${padded(window)}`;

/** Range of the producer records of an older version, which ordered them by the clock. */
export const clockedProducers = { gte: 'p:0', lt: 'p::' } as const;
/** The present key of such a record; undefined when it is not one. */
export function producerKeyOf(clocked: string, window: number): Key<ProducerRecord> | undefined {
  const [, stream, rest] = /^p:\d{16}:([^:]+):(.+)$/.exec(clocked) ?? [];
  return stream === undefined || rest === undefined
    ? undefined
    : keyOf(`p:${stream}:${padded(window)}:${rest}`);
}

export const keyedKey = (stream: StreamRef, sender: UserId, producer: ProducerId): Key<KeyedRecord> =>
  keyOf(`k:${nameOf(stream)}:${sender}:${part(producer)}`);
/** When a keyed send or a keyed request may be forgotten. Its key follows the time. */
export const expiryKey = (
  until: number,
  keyed: Key<KeyedRecord> | Key<ScheduledKeyRecord> | Key<HeldRecord | HeldPastRecord>,
): string => `x:${padded(until)}:${keyed}`;
export const expiriesBefore = (time: number): { gte: string; lt: string } => ({
  gte: 'x:',
  lt: `x:${padded(time)}`,
});
export const keyedOfExpiry = (expiry: string): Key<KeyedRecord | ScheduledKeyRecord> =>
  keyOf(expiry.slice('x:'.length + 16 + 1));

/** Scheduled messages: one record per user, and one row for the content of each message. */
export const scheduledKey = (user: UserId): Key<ScheduledRecord> => keyOf(`z:${user}`);
export const SCHEDULED_COUNT = keyOf<ScheduledCountRecord>('m:scheduled');
export const scheduledContentKey = (user: UserId, id: ProducerId): string => `f:${user}:${id}`;
export const scheduledContents = (user: UserId): { gte: string; lt: string } => ({
  gte: `f:${user}:`,
  lt: `f:${user};`,
});
/** The scheduled message with the caller's idempotency key. */
export const scheduledKeyKey = (user: UserId, named: string): Key<ScheduledKeyRecord> =>
  keyOf(`u:${user}:${named}`);
/** When something is to be done about a scheduled message: to send it or, once refused, to forget it. */
export const dueKey = (time: number, user: UserId, id: ProducerId): string =>
  `o:${padded(time)}:${user}:${id}`;
export const dueBetween = (from: number, until: number): { gte: string; lt: string } => ({
  gte: `o:${padded(from)}`,
  lt: `o:${padded(until)}`,
});
export const dueAfter = (time: number): { gte: string; lt: string } => ({
  gte: `o:${padded(time)}`,
  lt: 'o;',
});
/** The parts of the key of a due message. */
export function nameOfDue(key: string): {
  readonly at: number;
  readonly user: UserId;
  readonly id: ProducerId;
} {
  const [, at = '', user = '', id = ''] = key.split(':');
  return { at: Number(at), user: Number(user) as UserId, id: id as ProducerId };
}

export const groupKey = (group: GroupId): Key<GroupRecord> => keyOf(`g:${part(group)}`);
/** Members are in the order of their user ids. */
export const memberKey = (group: GroupId, user: UserId): Key<MemberRecord> =>
  keyOf(`b:${part(group)}:${padded(user)}`);
export const membersAfter = (group: GroupId, user: number): { gte: string; lt: string } => ({
  gte: memberKey(group, (user + 1) as UserId),
  lt: `b:${part(group)};`,
});
/** The parts of a member's key: the group as it is in keys, and the user. */
export function nameOfMember(key: string): { readonly group: string; readonly user: UserId } {
  const [, group = '', user = ''] = key.split(':');
  return { group, user: Number(user) as UserId };
}
export const membershipsKey = (user: UserId): Key<MembershipsRecord> => keyOf(`h:${user}`);
export const markKey = (user: UserId, group: GroupId): Key<MarkRecord> => keyOf(`r:${user}:${part(group)}`);
export const clearingKey = (group: GroupId): Key<ClearingRecord> => keyOf(`y:${part(group)}`);
export const allClearing = { gte: 'y:', lt: 'y;' } as const;

/** Conversation rows of a user, and before them the record with the number of saves. */
export const foldKey = (user: UserId): Key<FoldRecord> => keyOf(`w:${user}`);
export const rowKey = (user: UserId, peer: UserId): Key<ConversationRow> =>
  keyOf(`w:${user}:${padded(peer)}`);
export const rowsOf = (user: UserId): { gte: string; lt: string } => ({
  gte: `w:${user}:`,
  lt: `w:${user};`,
});

/** Held messages (`held.ts`): one record each, and one row under the state and the time of each that is not past. */
export const heldKey = (id: ProducerId): Key<HeldRecord | HeldPastRecord> => keyOf(`H:${id}`);
export const HELD_COUNT = keyOf<HeldCountRecord>('m:held');
/** How many held messages a sender has. */
export const heldSenderKey = (user: UserId): Key<HeldSenderRecord> => keyOf(`HS:${user}`);
export const heldRow = (state: HeldRecord['state'], time: number, id: ProducerId): string =>
  `${heldRows(state).gte}${padded(time)}:${id}`;
export const heldRows = (state: HeldRecord['state']): { gte: string; lt: string } =>
  state === 'waiting' ? { gte: 'HW:', lt: 'HW;' } : { gte: 'HA:', lt: 'HA;' };
export const idOfHeldRow = (key: string): ProducerId => key.slice('HW:'.length + 16 + 1) as ProducerId;

export const WEBHOOKS = keyOf<WebhooksRecord>('m:webhooks');
/** Absent when the feed of events was never on. */
export const FEED_ON = keyOf<FeedOnRecord>('m:feed-on');
export const FEED_STATE = keyOf<FeedStateRecord>('m:feed');
/** Records of the feed. They are read in ranges. */
export const feedKey = (position: number): string => `i:${padded(position)}`;
export const feedFrom = (position: number): { gte: string; lt: string } => ({
  gte: feedKey(position),
  lt: 'i;',
});
export const positionOfFeed = (key: string): number => Number(key.slice('i:'.length));
/** A user who is online, as the feed has told. */
export const presentKey = (user: UserId): Key<PresentRecord> => keyOf(`P:${user}`);
export const allPresent = { gte: 'P:', lt: 'P;' } as const;
export const letterKey = (name: string): Key<LetterRecord> => keyOf(`L:${hash('sha256', name, 'base64url')}`);
export const allLetters = { gte: 'L:', lt: 'L;' } as const;
