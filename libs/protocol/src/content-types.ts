/**
 * The table of content types. It is the only place that tells one content type from another: servers check a
 * content by this table and forward its bytes.
 */
import { type Content, decodeContent } from './client-frames.ts';
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
/** Longest line that stands for a message in a list [UTF-16 units]. */
const PREVIEW_UNITS = 120;
const TYPE_NAME = /^[a-z][a-z0-9._-]{0,63}$/;
const READER = /* @__PURE__ */ new WireReader();
const UTF8 = new TextDecoder('utf-8', { fatal: true });

interface ContentType {
  /** Says in words for a person what is wrong with a content of this type; undefined when nothing is. */
  readonly problem: (content: Content) => string | undefined;
  /** Texts that a CIM client shows for the content; empty when it shows nothing. */
  readonly cimTexts: (content: Content) => readonly string[];
  /** One line that stands for the content in a conversation list; '' when the list passes over it. */
  readonly preview: (content: Content) => string;
  /** Whether it makes a conversation unread. */
  readonly unread: boolean;
  /**
   * `users`: anybody who may write to the stream. `servers`: only servers; a client's content of this type is
   * refused.
   */
  readonly author: 'users' | 'servers';
  /** Whether the content is an event about the message in `ref`. Clients show it by changing that message. */
  readonly event: boolean;
}

const nothing = (): readonly string[] => [];
const cutTo = (text: string): string =>
  text.length <= PREVIEW_UNITS ? text : `${text.slice(0, PREVIEW_UNITS - 1).toWellFormed()}…`;

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
  preview: ({ texts }) => cutTo(texts.join(' ')),
  unread: true,
  author: 'users',
  event: false,
};

const OPAQUE: ContentType = {
  problem: (content) =>
    content.texts.length > 0 ? (textsProblem(content.texts) ?? bodyProblem(content)) : bodyProblem(content),
  cimTexts: nothing,
  preview: ({ type }) => `[${type}]`,
  unread: true,
  author: 'users',
  event: false,
};

const OWN_TYPES: Readonly<Record<OwnContentType, ContentType>> = {
  '': TEXT,
  json: { ...OPAQUE, problem: (content) => bodyProblem(content) ?? jsonProblem(content) },
  recall: {
    problem: (content) => eventProblem(content, 'no texts'),
    cimTexts: () => ['[a message was recalled]'],
    preview: () => '',
    unread: false,
    author: 'users',
    event: true,
  },
  edit: {
    problem: (content) => eventProblem(content, 'texts'),
    cimTexts: ({ texts }) => ['[a message was edited]', ...texts],
    preview: () => '',
    unread: false,
    author: 'users',
    event: true,
  },
  // A reaction without a text removes the sender's reaction.
  reaction: {
    problem: (content) => eventProblem(content, 'any texts') ?? reactionProblem(content.texts),
    cimTexts: nothing,
    preview: () => '',
    unread: false,
    author: 'users',
    event: true,
  },
  // Names the users who joined, left or changed their role. The body is JSON (docs/protocol.md, "Groups").
  member: {
    problem: (content) => bodyProblem(content) ?? jsonProblem(content),
    cimTexts: nothing,
    preview: () => '',
    unread: false,
    author: 'servers',
    event: false,
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
  const { problem, unread, event, author } = contentType(type);
  return { type, ref, unread, event, author, problem: problem(content), unknownType: false };
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
