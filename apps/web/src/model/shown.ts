import type { StoredMessage } from '@cim/client/browser';

export interface Person {
  readonly id: number;
  readonly name: string;
}

/** How far an own message has got. */
export type Progress = 'sending' | 'stored' | 'delivered' | 'read' | 'failed';

export interface ShownReaction {
  readonly reaction: string;
  readonly users: readonly number[];
}

/** A line of a conversation: a message, or a note of what happened to the group. Never changed: a new one takes its place. */
export interface Shown {
  /** Unique in its conversation, the same from sending to the end. */
  readonly key: string;
  /** Absent until it is stored. */
  readonly id?: string;
  readonly from: Person;
  readonly own: boolean;
  /** ms since 1970. */
  readonly at: number;
  readonly texts: readonly string[];
  /** '' for plain text. */
  readonly type: string;
  /** What a `member` entry tells, for people. */
  readonly note?: MembersNote;
  /** Id of the message that it answers. */
  readonly ref?: string;
  readonly edited: boolean;
  readonly recalled: boolean;
  readonly reactions: readonly ShownReaction[];
  /** Of an own message. */
  readonly progress?: Progress;
  /** Of an own private message: the other side has read it when its read mark reaches this. Absent when that is not known. */
  readonly peerN?: number;
  /** Why it has failed, when it has. */
  readonly problem?: string;
}

export interface MembersNote {
  readonly op: string;
  readonly users: readonly string[];
}

/** What every new line begins with. */
export const FRESH = { edited: false, recalled: false, reactions: [] } as const;

/** A message of a page of history. */
export function shownOf(message: StoredMessage, me: number): Shown {
  const { id, from, texts, type, ref, storedAt, edited, recalled, reactions } = message;
  const own = from.userId === me;
  return {
    key: id,
    id,
    from: { id: from.userId, name: from.userName },
    own,
    at: storedAt,
    texts,
    type,
    ...(type === 'member' && { note: noteOf(message.body) }),
    ...(ref !== undefined && { ref }),
    edited,
    recalled,
    reactions,
    ...(own && type !== 'member' && { progress: 'stored' as const }),
  };
}

function noteOf(body: Uint8Array | undefined): MembersNote {
  try {
    const value = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    const users = Array.isArray(value['users']) ? (value['users'] as { name?: unknown }[]) : [];
    return {
      op: String(value['op']),
      users: users.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])),
    };
  } catch {
    return { op: '', users: [] };
  }
}

const STEPS: readonly Progress[] = ['failed', 'sending', 'stored', 'delivered', 'read'];

/** The message with its progress raised, never lowered. */
export function withProgress(line: Shown, progress: Progress): Shown {
  if (line.progress !== undefined && STEPS.indexOf(line.progress) >= STEPS.indexOf(progress)) return line;
  return { ...line, progress };
}

export const recalledOf = (line: Shown): Shown => ({ ...line, recalled: true, texts: [], reactions: [] });

/** The message with the reaction of one user set, or taken away by ''. */
export function withReaction(shown: Shown, reaction: string, user: number): Shown {
  const without = shown.reactions
    .map((one) => ({ ...one, users: one.users.filter((id) => id !== user) }))
    .filter(({ users }) => users.length > 0);
  if (reaction === '') return { ...shown, reactions: without };
  const known = without.find((one) => one.reaction === reaction);
  const reactions =
    known === undefined
      ? [...without, { reaction, users: [user] }]
      : without.map((one) => (one === known ? { ...one, users: [...one.users, user] } : one));
  return { ...shown, reactions };
}
