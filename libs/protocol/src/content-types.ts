/**
 * The table of content types. It is the only place that tells one content type from another: servers check a
 * content by this table and forward its bytes.
 */
import { type Content, decodeContent, encodeContent } from './client-frames.ts';
import { isUserId, type MessageId, type UserId } from './ids.ts';
import type { NamedUser } from './names.ts';
import { JSON_LEVELS, jsonLevels } from './json-depth.ts';
import { utf8Bytes } from './utf8.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Content types that this product defines; the empty one is plain text. Every other valid name belongs to an
 * integrator, and servers do not look into it.
 */
export type OwnContentType = '' | 'json' | 'recall' | 'edit' | 'reaction' | 'member';

/** Limits of one send: a text of 8 KiB, 100 texts, 32 KiB together (UTF-8). */
export const TEXT_LIMITS = { textBytes: 8 * 1024, batchTexts: 100, batchBytes: 32 * 1024 } as const;

/** Longest text of a reaction in UTF-8 [bytes]. */
const REACTION_BYTES = 64;
/** A sender can recall its message for this long [ms]. */
const RECALL_MS = 24 * 3_600_000;
const TYPE_NAME = /^[a-z][a-z0-9._-]{0,63}$/;
const READER = /* @__PURE__ */ new WireReader();
const UTF8 = new TextDecoder('utf-8', { fatal: true });

interface ContentType {
  /** Says in words for a person what is wrong with a content of this type; undefined when nothing is. */
  readonly problem: (content: Content) => string | undefined;
  /** Texts that a CIM client shows for the content; empty when it shows nothing. */
  readonly cimTexts: (content: Content) => readonly string[];
  /**
   * What a client tells its application of the content.
   * @param from the author
   * @returns undefined when the body cannot be read
   */
  readonly says: (content: Content, from: NamedUser) => Said | undefined;
  /** Whether the body is JSON in UTF-8. */
  readonly jsonBody: boolean;
  /** Whether it makes a conversation unread. */
  readonly unread: boolean;
  /**
   * `users`: anybody who may write to the stream. `servers`: only servers; a client's content of this type is
   * refused.
   */
  readonly author: 'users' | 'servers';
  /** Set for an event about the message in `ref`. Clients show an event by changing that message. */
  readonly about: EventAbout | undefined;
}

/** What a content says, by the name of the event that the SDK makes of it. */
export type Said =
  | {
      readonly event: 'message';
      readonly value: {
        readonly texts: readonly string[];
        readonly type: string;
        readonly body?: Uint8Array;
        readonly ref?: MessageId;
      };
    }
  | { readonly event: 'recalled'; readonly value: { readonly ref: MessageId } }
  | {
      readonly event: 'edited';
      readonly value: { readonly ref: MessageId; readonly texts: readonly string[] };
    }
  | { readonly event: 'reaction'; readonly value: { readonly ref: MessageId; readonly reaction: string } }
  | { readonly event: 'members'; readonly value: MembersTold };

/** A change of a group or its members. */
export interface MembersTold {
  readonly op: string;
  /** The users it is about; the author when the body names nobody. */
  readonly users: readonly NamedUser[];
  readonly name?: string;
  readonly category?: string;
  readonly join?: string;
  readonly role?: string;
  readonly muted?: boolean;
}

/** Who may write an event about a message, and what the event does to that message. */
interface EventAbout {
  /**
   * `writers`: any user who may write to the conversation. `sender`: the message's sender. `sender-or-admins`: also
   * the owner and the admins of the group.
   */
  readonly author: 'writers' | 'sender' | 'sender-or-admins';
  /** How long after the message was stored its sender may write the event [ms]. */
  readonly senderMs: number;
  /** Whether the event may be about a message that was recalled. */
  readonly ofRecalled: boolean;
  /** Changes the message. Events of one message come in the order in which they were stored. */
  readonly change: (message: ChangedMessage, event: ChangingEvent) => void;
}

/** What events have made of one message. */
export interface ChangedMessage {
  recalled: boolean;
  edit?: { readonly texts: readonly string[]; readonly at: number };
  /** Key: the user who reacted. In the order in which the reactions that count were stored. */
  readonly reactions: Map<UserId, string>;
}

export interface ChangingEvent {
  readonly texts: readonly string[];
  readonly sender: UserId;
  /** ms, the store's clock. */
  readonly at: number;
  /** Whether the sender of the message sent the event. */
  readonly isOwn: boolean;
  readonly inGroup: boolean;
}

const nothing = (): readonly string[] => [];

const bodyProblem = ({ body }: Content): string | undefined =>
  body.length > TEXT_LIMITS.batchBytes
    ? `the body has ${body.length} bytes; at most ${TEXT_LIMITS.batchBytes} are allowed`
    : undefined;
const eventProblem = (content: Content, texts: 'no texts' | 'texts' | 'any texts'): string | undefined => {
  if (content.ref === '') return `a content of type ${content.type} needs the id of the message in ref`;
  if (content.body.length > 0) return `a content of type ${content.type} has no body`;
  if (texts === 'texts') return textsProblem(content.texts);
  return texts === 'no texts' && content.texts.length > 0
    ? `a content of type ${content.type} has no texts`
    : undefined;
};

const TEXT: ContentType = {
  problem: (content) =>
    content.body.length > 0 ? 'a text has no body; give a type' : textsProblem(content.texts),
  cimTexts: ({ texts }) => texts,
  says: ({ texts, ref }) => ({ event: 'message', value: { texts, type: '', ...referenceOf(ref) } }),
  jsonBody: false,
  unread: true,
  author: 'users',
  about: undefined,
};

const OPAQUE: ContentType = {
  problem: (content) =>
    content.texts.length > 0 ? (textsProblem(content.texts) ?? bodyProblem(content)) : bodyProblem(content),
  cimTexts: nothing,
  // A copy of the body: the bytes of a frame do not outlive the frame.
  says: ({ texts, type, body, ref }) => ({
    event: 'message',
    value: { texts, type, body: new Uint8Array(body), ...referenceOf(ref) },
  }),
  jsonBody: false,
  unread: true,
  author: 'users',
  about: undefined,
};

const OWN_TYPES: Readonly<Record<OwnContentType, ContentType>> = {
  '': TEXT,
  json: { ...OPAQUE, jsonBody: true, problem: (content) => bodyProblem(content) ?? jsonProblem(content) },
  recall: {
    problem: (content) => eventProblem(content, 'no texts'),
    cimTexts: () => ['[a message was recalled]'],
    says: ({ ref }) => ({ event: 'recalled', value: { ref: ref as MessageId } }),
    jsonBody: false,
    unread: false,
    author: 'users',
    about: {
      author: 'sender-or-admins',
      senderMs: RECALL_MS,
      ofRecalled: true,
      // In a group the send was checked: the event is of the message's sender, or of an admin.
      change: (message, { isOwn, inGroup }) => {
        if (isOwn || inGroup) message.recalled = true;
      },
    },
  },
  edit: {
    problem: (content) => eventProblem(content, 'texts'),
    cimTexts: ({ texts }) => ['[a message was edited]', ...texts],
    says: ({ ref, texts }) => ({ event: 'edited', value: { ref: ref as MessageId, texts } }),
    jsonBody: false,
    unread: false,
    author: 'users',
    about: {
      author: 'sender',
      senderMs: Infinity,
      ofRecalled: false,
      change: (message, { isOwn, texts, at }) => {
        if (isOwn) message.edit = { texts, at };
      },
    },
  },
  // A reaction without a text removes the sender's reaction.
  reaction: {
    problem: (content) => eventProblem(content, 'any texts') ?? reactionProblem(content.texts),
    cimTexts: nothing,
    says: ({ ref, texts: [reaction = ''] }) => ({
      event: 'reaction',
      value: { ref: ref as MessageId, reaction },
    }),
    jsonBody: false,
    unread: false,
    author: 'users',
    about: {
      author: 'writers',
      senderMs: Infinity,
      ofRecalled: false,
      change: ({ reactions }, { sender, texts: [reaction = ''] }) => {
        reactions.delete(sender);
        if (reaction !== '') reactions.set(sender, reaction);
      },
    },
  },
  // Names the users who joined, left or changed their role. The body is JSON (docs/protocol.md, "Groups").
  member: {
    problem: (content) => bodyProblem(content) ?? jsonProblem(content),
    cimTexts: nothing,
    says: ({ body }, from) => {
      const value = membersTold(body, from);
      return value && { event: 'members', value };
    },
    jsonBody: true,
    unread: false,
    author: 'servers',
    about: undefined,
  },
};

export const contentType = (type: string): ContentType =>
  Object.hasOwn(OWN_TYPES, type) ? OWN_TYPES[type as OwnContentType] : OPAQUE;

/** The facts that a server needs about a content that somebody sends. */
export interface ContentFacts {
  readonly type: string;
  /** Id of the message that the content refers to, or ''. */
  readonly ref: string;
  readonly unread: boolean;
  readonly event: boolean;
  readonly author: ContentType['author'];
  /** In words for a person, why the content cannot be sent; undefined when it can. */
  readonly problem: string | undefined;
  /** Whether the name of the type is not a valid name. */
  readonly unknownType: boolean;
}

const PLAIN: ContentFacts = {
  type: '',
  ref: '',
  unread: true,
  event: false,
  author: 'users',
  problem: undefined,
  unknownType: false,
};

/** Checks an encoded `Content`. Nearly all contents are plain texts; for these no string is made. */
export function contentFacts(bytes: Uint8Array): ContentFacts {
  if (isPlainTexts(bytes)) return PLAIN;
  const content = decodeContent(bytes);
  if (content === undefined) return { ...PLAIN, problem: 'the content is not an encoded Content' };
  return factsOf(content);
}

export function factsOf(content: Content): ContentFacts {
  const { type, ref } = content;
  if (type !== '' && !TYPE_NAME.test(type))
    return {
      ...PLAIN,
      unknownType: true,
      problem: 'a content type has 1 to 64 characters of a-z, 0-9, ".", "_" and "-" and begins with a letter',
    };
  const row = contentType(type);
  const { unread, author } = row;
  const event = row.about !== undefined;
  const problem = content.changed ? 'only servers mark a content as changed' : row.problem(content);
  return { type, ref, unread, event, author, problem, unknownType: false };
}

const referenceOf = (ref: string): { readonly ref?: MessageId } =>
  ref === '' ? {} : { ref: ref as MessageId };

/** Reads the body of a content of type `member`; undefined when it is no such body. */
function membersTold(body: Uint8Array, from: NamedUser): MembersTold | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { op, users, name, category, join, role, muted } = raw as Record<string, unknown>;
  if (typeof op !== 'string') return undefined;
  const named = Array.isArray(users) ? users.flatMap((user) => userOf(user) ?? []) : [];
  return {
    op,
    users: named.length === 0 ? [from] : named,
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
  // Whom it concerns counts, also when it does not name the user.
  return isUserId(userId) ? { userId, userName: typeof name === 'string' ? name : '' } : undefined;
}

/** Whose membership of the group ends with what is told; `all` when the group is disbanded. */
export function leaversOf({ op, users }: Pick<MembersTold, 'op' | 'users'>): 'all' | readonly UserId[] {
  if (op === 'disband') return 'all';
  return op === 'leave' || op === 'remove' ? users.map(({ userId }) => userId) : [];
}

function jsonProblem({ body }: Content): string | undefined {
  try {
    JSON.parse(UTF8.decode(body));
  } catch {
    return 'the body is not JSON in UTF-8';
  }
  const levels = jsonLevels(body);
  return levels > JSON_LEVELS
    ? `the body is nested ${levels} levels deep; at most ${JSON_LEVELS} are allowed`
    : undefined;
}

function reactionProblem(texts: readonly string[]): string | undefined {
  const [text = ''] = texts;
  if (texts.length > 1) return 'a reaction has one text, or none to take it away';
  return new TextEncoder().encode(text).length > REACTION_BYTES
    ? `a reaction has at most ${REACTION_BYTES} bytes`
    : undefined;
}

/** In words for a person, why the texts cannot be sent; undefined when they can. */
export function textsProblem(texts: readonly string[]): string | undefined {
  if (texts.length === 0) return 'msg is missing; give msg, batchMsg or both';
  if (texts.length > TEXT_LIMITS.batchTexts)
    return `${texts.length} texts in one message; at most ${TEXT_LIMITS.batchTexts} are allowed`;
  let total = 0;
  for (const text of texts) {
    const bytes = utf8Bytes(text);
    if (bytes === 0) return 'a text is empty';
    if (bytes > TEXT_LIMITS.textBytes)
      return `a text has ${bytes} bytes; at most ${TEXT_LIMITS.textBytes} are allowed`;
    total += bytes;
  }
  if (total > TEXT_LIMITS.batchBytes)
    return `the texts have ${total} bytes together; at most ${TEXT_LIMITS.batchBytes} are allowed`;
  return undefined;
}

/**
 * Whether an encoded `Content` is plain texts that can be sent. It makes no strings. False means that the
 * content needs the full check.
 */
export function isPlainTexts(content: Uint8Array): boolean {
  const { textBytes, batchTexts, batchBytes } = TEXT_LIMITS;
  let texts = 0;
  let total = 0;
  READER.open(content);
  for (let tag = READER.tag(); tag !== 0; tag = READER.tag()) {
    const bytes = tag === 0x0a ? READER.skipText() : 0;
    if (bytes === 0 || bytes > textBytes) return false;
    texts++;
    total += bytes;
  }
  return !READER.unfamiliar && texts > 0 && texts <= batchTexts && total <= batchBytes;
}

/** Whether servers have changed the texts of an encoded `Content` before they stored it. */
export const isChanged = (content: Uint8Array): boolean =>
  !isPlainTexts(content) && decodeContent(content)?.changed === true;

/** First bytes of a content of type `member`: it has no texts before its type. */
const MEMBER = /* @__PURE__ */ encodeContent({ texts: [], type: 'member', body: new Uint8Array(), ref: '' });

/**
 * The change of members that an encoded `Content` tells, without a look into any other content. Undefined for another
 * content, or when the body cannot be read.
 */
export function membersToldBy(content: Uint8Array, from: NamedUser): MembersTold | undefined {
  if (content.length < MEMBER.length || MEMBER.some((byte, i) => content[i] !== byte)) return undefined;
  const decoded = decodeContent(content);
  return decoded && membersTold(decoded.body, from);
}
