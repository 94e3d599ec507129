/**
 * The answers of `/v1` as the SDK gives them to the application. Each reader answers undefined for an invalid
 * answer.
 */
import { contentType, isUserId, type MessageId, type NamedUser, type UserId } from '@cim/protocol';
import { isRecord } from './http-caller.ts';

/** A message in a conversation, with edits, recalls and reactions folded in. */
export interface StoredMessage {
  /** Id of the message, the same for every reader. */
  readonly id: MessageId;
  /** Position in the stream. */
  readonly seq: number;
  /** For `conversation.read`. */
  readonly n: number;
  /** The sender. */
  readonly from: NamedUser;
  /** The texts; none after a recall. */
  readonly texts: readonly string[];
  /** '' for plain text. */
  readonly type: string;
  /** Of a type that is not text. */
  readonly body?: Uint8Array;
  /** Id of the message that it refers to. */
  readonly ref?: MessageId;
  /** ms since 1970, the store's clock. */
  readonly storedAt: number;
  /** Whether the texts are those of an edit. */
  readonly edited: boolean;
  /** Whether the message was recalled; its content is gone. */
  readonly recalled: boolean;
  /** Each reaction, and its users. */
  readonly reactions: readonly { readonly reaction: string; readonly users: readonly UserId[] }[];
}

/** A conversation from the point of view of this user. */
export interface ConversationInfo {
  /** `u<userId>` or `g<groupId>`; for `client.conversation`. */
  readonly id: string;
  /** Name of the other user, or of the group. */
  readonly name: string;
  /** Newest message; absent when there is none. */
  readonly last?: StoredMessage;
  /** Number of unread messages of others. */
  readonly unread: number;
  /** Read mark. */
  readonly read: number;
  /** The read mark that reads everything. */
  readonly n: number;
  /** The other side's read mark: it has read messages that were `stored` with an `n` up to this. */
  readonly peerRead?: number;
}

/** A group as this user sees it. */
export interface GroupInfo {
  /** Id of the group, for `client.groups`. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** A label to list by; '' for none. */
  readonly category: string;
  /** `open`: any user may join; `invite`: the owner or an admin adds members. */
  readonly join: string;
  /** The owner. */
  readonly owner: UserId;
  /** Number of members. */
  readonly members: number;
  /** This user's role: `owner`, `admin` or `member`; absent when it is not a member. */
  readonly role?: string;
}

/** A member of a group. */
export interface MemberInfo extends NamedUser {
  /** `owner`, `admin` or `member`. */
  readonly role: string;
  /** Whether the member may not write. */
  readonly muted: boolean;
}

/** One installation of a client that this user uses. */
export interface DeviceInfo {
  /** Id of the device. */
  readonly device: string;
  /** For people; '' for none. */
  readonly label: string;
  /** Whether it is connected. */
  readonly online: boolean;
  /** Whether it is the device of this client. */
  readonly current: boolean;
  /** When it last logged in or left [ms since 1970]; 0 when it is not known. */
  readonly seenAt: number;
}

/** A user as everybody sees it. */
export interface UserInfo extends NamedUser {
  /** Whether one of its devices is connected. */
  readonly online: boolean;
}

export function userOf(raw: unknown): NamedUser | undefined {
  if (!isRecord(raw) || typeof raw['name'] !== 'string') return undefined;
  const userId = userIdOf(raw['id']);
  return userId === undefined ? undefined : { userId, userName: raw['name'] };
}

export function userInfoOf(raw: unknown): UserInfo | undefined {
  const user = userOf(raw);
  return user === undefined || !isRecord(raw) ? undefined : { ...user, online: raw['online'] === true };
}

export function messageOf(raw: unknown): StoredMessage | undefined {
  if (!isRecord(raw)) return undefined;
  const { id, seq, n, texts, type, body, ref, reactions } = raw;
  const from = userOf(raw['from']);
  const storedAt = timeOf(raw['storedAt']);
  if (typeof id !== 'string' || from === undefined || storedAt === undefined) return undefined;
  const typeName = typeof type === 'string' ? type : '';
  return {
    id: id as MessageId,
    seq: numberOf(seq),
    n: numberOf(n),
    from,
    texts: Array.isArray(texts) ? texts.filter((text) => typeof text === 'string') : [],
    type: typeName,
    ...(body !== undefined && { body: bodyOf(typeName, body) }),
    ...(typeof ref === 'string' && { ref: ref as MessageId }),
    storedAt,
    edited: raw['edited'] === true,
    recalled: raw['recalled'] === true,
    reactions: Array.isArray(reactions) ? reactions.flatMap((one) => reactionOf(one) ?? []) : [],
  };
}

export function conversationInfoOf(raw: unknown): ConversationInfo | undefined {
  if (!isRecord(raw) || typeof raw['id'] !== 'string' || typeof raw['name'] !== 'string') return undefined;
  const last = messageOf(raw['last']);
  return {
    id: raw['id'],
    name: raw['name'],
    ...(last !== undefined && { last }),
    unread: numberOf(raw['unread']),
    read: numberOf(raw['read']),
    n: numberOf(raw['n']),
    ...(typeof raw['peerRead'] === 'number' && { peerRead: raw['peerRead'] }),
  };
}

export function groupInfoOf(raw: unknown): GroupInfo | undefined {
  if (!isRecord(raw)) return undefined;
  const { id, name, category, join, members, role } = raw;
  const owner = userIdOf(raw['owner']);
  if (typeof id !== 'string' || typeof name !== 'string' || owner === undefined) return undefined;
  return {
    id,
    name,
    category: typeof category === 'string' ? category : '',
    join: typeof join === 'string' ? join : '',
    owner,
    members: numberOf(members),
    ...(typeof role === 'string' && { role }),
  };
}

export function memberInfoOf(raw: unknown): MemberInfo | undefined {
  const user = userOf(raw);
  if (user === undefined || !isRecord(raw) || typeof raw['role'] !== 'string') return undefined;
  return { ...user, role: raw['role'], muted: raw['muted'] === true };
}

export function deviceInfoOf(raw: unknown): DeviceInfo | undefined {
  if (!isRecord(raw) || typeof raw['device'] !== 'string') return undefined;
  const { device, label, online, current, seenAt } = raw;
  return {
    device,
    label: typeof label === 'string' ? label : '',
    online: online === true,
    current: current === true,
    seenAt: timeOf(seenAt) ?? 0,
  };
}

function reactionOf(raw: unknown): StoredMessage['reactions'][number] | undefined {
  if (!isRecord(raw) || typeof raw['reaction'] !== 'string' || !Array.isArray(raw['users'])) return undefined;
  return { reaction: raw['reaction'], users: raw['users'].flatMap((id) => userIdOf(id) ?? []) };
}

/** Decodes a body: `/v1` shows the body of JSON types as JSON, and every other body as base64. */
export function bodyOf(type: string, body: unknown): Uint8Array {
  if (contentType(type).jsonBody) return new TextEncoder().encode(JSON.stringify(body));
  if (typeof body !== 'string') return new Uint8Array();
  return Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
}

/** Encodes a body in the same form. */
export function bodyToSend(type: string, body: Uint8Array | string): unknown {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  if (contentType(type).jsonBody) return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export const userIdOf = (raw: unknown): UserId | undefined => {
  const id = typeof raw === 'string' ? Number(raw) : undefined;
  return isUserId(id) ? id : undefined;
};
const numberOf = (raw: unknown): number => (typeof raw === 'number' ? raw : 0);
export const timeOf = (raw: unknown): number | undefined => {
  const time = typeof raw === 'string' ? Date.parse(raw) : NaN;
  return Number.isNaN(time) ? undefined : time;
};
