/**
 * Branded ids. All are plain numbers or strings at run time; the brand says that somebody has parsed them.
 * Numbers stay below 2^53, so that JSON and protobuf carry them exactly.
 */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

export type UserId = Branded<number, 'UserId'>;
/** Position in a stream, from 1, without gaps. 0 stands for "before the first". */
export type Seq = Branded<number, 'Seq'>;
/** Grows with each login of a user. */
export type Epoch = Branded<number, 'Epoch'>;
/** `lobby`, or a number in decimal. */
export type GroupId = Branded<string, 'GroupId'>;
/** One installation of a client: 16 to 64 of [A-Za-z0-9_-]; or `cim`, every CIM client; or `default`, a client that names none. */
export type DeviceId = Branded<string, 'DeviceId'>;
/** One life of an im-server process; a lease that lapsed ends it. 16 of [A-Za-z0-9_-]. */
export type InstanceId = Branded<string, 'InstanceId'>;
/** In place of an im-server, where a login names none: whichever the client reaches claims the session. No instance is called so. */
export const ANY_INSTANCE = 'any' as InstanceId;
/**
 * Who numbers sends: 16 to 64 of [A-Za-z0-9_-]. Of the copy of a private message in its sender's own stream:
 * `<producer>><recipient>`, so that no two entries of a stream have one id.
 */
export type ProducerId = Branded<string, 'ProducerId'>;
/** `<sender>:<producer>:<counter>`, or '' for "none". */
export type MessageId = Branded<string, 'MessageId'>;

/** CIM's group: its members are all users. */
export const LOBBY = 'lobby' as GroupId;

export const CIM_DEVICE = 'cim' as DeviceId;
export const DEFAULT_DEVICE = 'default' as DeviceId;

/** A user's inbox or a group: what a message is addressed to, and the stream it is appended to. */
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
/** For logs and labels of metrics; what is done depends on the policy of a stream, not on this. */
export const kindOf = (stream: StreamRef): StreamRef['kind'] => stream.kind;
/** What one of the two makes of a stream. */
export const ofStream = <T>(
  stream: StreamRef,
  ofInbox: (user: UserId) => T,
  ofGroup: (group: GroupId) => T,
): T => (stream.kind === 'inbox' ? ofInbox(stream.user) : ofGroup(stream.group));
/** `inbox:<userId>` or `group:<groupId>`, for maps, logs and cursors. */
export const streamName = (stream: StreamRef): string =>
  stream.kind === 'inbox' ? `inbox:${stream.user}` : `group:${stream.group}`;

/** The stream as frames name it: its group, or '' for the receiver's own inbox. */
export const wireName = (stream: StreamRef): GroupId | '' => (stream.kind === 'group' ? stream.group : '');

/** Of a name that `streamName` has made. */
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

/** The producer of the copy of a message to `to`. */
export const copyProducer = (producer: ProducerId, to: UserId): ProducerId =>
  `${producer}>${to}` as ProducerId;

/** Of an entry: to whom its sender wrote, if it is the sender's copy, and under which producer. */
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
