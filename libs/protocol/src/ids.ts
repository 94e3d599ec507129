/**
 * Branded ids. All are plain numbers or strings at run time; the brand says that somebody has parsed them.
 * Numbers stay below 2^53, so that JSON and protobuf carry them exactly.
 */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

export type UserId = Branded<number, 'UserId'>;
/** Position in a stream, from 1, without gaps. 0 stands for "before the first". */
export type Seq = Branded<number, 'Seq'>;
/** A number that grows with each login of a device. An act with an older epoch changes nothing. */
export type Epoch = Branded<number, 'Epoch'>;
/** Id of a group: `lobby`, or a number in decimal. */
export type GroupId = Branded<string, 'GroupId'>;
/**
 * Id of one installation of a client: 16 to 64 of [A-Za-z0-9_-]. Every CIM client is `cim`. A client that
 * names no device is `default`.
 */
export type DeviceId = Branded<string, 'DeviceId'>;
/** Id of one life of an im-server process: 16 of [A-Za-z0-9_-]. A lease that lapsed ends the life. */
export type InstanceId = Branded<string, 'InstanceId'>;
/**
 * Stands for an im-server in a login that names none: the im-server that the client reaches claims the
 * session. No instance has this id.
 */
export const ANY_INSTANCE = 'any' as InstanceId;
/**
 * The number space of a client's sends: 16 to 64 of [A-Za-z0-9_-]. The copy of a private message in its
 * sender's own stream has the producer `<producer>><recipient>`, so that no two entries of a stream have one
 * id.
 */
export type ProducerId = Branded<string, 'ProducerId'>;
/** Id of a message: `<sender>:<producer>:<counter>`, or '' for "none". */
export type MessageId = Branded<string, 'MessageId'>;

/** The group that CIM's `/groupRoute` writes to. All users are its members. */
export const LOBBY = 'lobby' as GroupId;

export const CIM_DEVICE = 'cim' as DeviceId;
export const DEFAULT_DEVICE = 'default' as DeviceId;

/** A stream: a user's timeline (`inbox`) or a group's log. A send names one as its recipient. */
export type StreamRef =
  | { readonly kind: 'inbox'; readonly user: UserId }
  | { readonly kind: 'group'; readonly group: GroupId };

export const inboxOf = (user: UserId): StreamRef => ({ kind: 'inbox', user });
export const groupStream = (group: GroupId): StreamRef => ({ kind: 'group', group });
/** The user whose timeline the stream is; undefined for a group's log. */
export const ownerOf = (stream: StreamRef): UserId | undefined =>
  stream.kind === 'inbox' ? stream.user : undefined;
/** The group whose log the stream is; undefined for a user's timeline. */
export const groupOf = (stream: StreamRef): GroupId | undefined =>
  stream.kind === 'group' ? stream.group : undefined;
/**
 * The kind of a stream, for logs and labels of metrics. Behaviour depends on the policy of a stream instead.
 */
export const kindOf = (stream: StreamRef): StreamRef['kind'] => stream.kind;
/** Calls the function that belongs to the kind of the stream. */
export const ofStream = <T>(
  stream: StreamRef,
  ofInbox: (user: UserId) => T,
  ofGroup: (group: GroupId) => T,
): T => (stream.kind === 'inbox' ? ofInbox(stream.user) : ofGroup(stream.group));
/** `inbox:<userId>` or `group:<groupId>`, for maps, logs and cursors. */
export const streamName = (stream: StreamRef): string =>
  stream.kind === 'inbox' ? `inbox:${stream.user}` : `group:${stream.group}`;

/** The name of the stream in frames: its group, or '' for the receiver's own inbox. */
export const wireName = (stream: StreamRef): GroupId | '' => (stream.kind === 'group' ? stream.group : '');

/** The stream with a name that `streamName` has made. */
export const streamOfName = (name: string): StreamRef =>
  name.startsWith('inbox:')
    ? { kind: 'inbox', user: Number(name.slice('inbox:'.length)) as UserId }
    : { kind: 'group', group: name.slice('group:'.length) as GroupId };

export const isUserId = (value: unknown): value is UserId =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
export const isSeq = (value: unknown): value is Seq =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
export const isProducerId = (value: unknown): value is ProducerId =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{16,64}$/.test(value);

export const isDeviceId = (value: unknown): value is DeviceId =>
  value === CIM_DEVICE || value === DEFAULT_DEVICE || isProducerId(value);
export const isGroupId = (value: unknown): value is GroupId =>
  typeof value === 'string' &&
  (value === LOBBY || (/^[1-9]\d{0,15}$/.test(value) && isUserId(Number(value))));

/** The producer of the sender's copy of a message to `to`. */
export const copyProducer = (producer: ProducerId, to: UserId): ProducerId =>
  `${producer}>${to}` as ProducerId;

/**
 * Tells whether an entry is its sender's copy of a private message: to whom it was sent, and under which
 * producer.
 */
export function copyOf(producer: ProducerId): {
  readonly producer: ProducerId;
  readonly to: UserId | undefined;
} {
  const cut = producer.indexOf('>');
  if (cut === -1) return { producer, to: undefined };
  return { producer: producer.slice(0, cut) as ProducerId, to: Number(producer.slice(cut + 1)) as UserId };
}

export const messageId = (sender: UserId, producer: ProducerId, counter: number): MessageId =>
  `${sender}:${producer}:${counter}` as MessageId;
