/**
 * Judges the answers of the routes while nobody talks: histories and unread counts, compared with the logs in
 * the store.
 */
import { type CheckOptions, nameIn } from './checker.ts';
import type { Finding } from './finding.ts';
import { isGroupLane, type LogItem, type Members, payloadOf, personOf } from './journal.ts';
import { applyTo } from './membership.ts';

/**
 * What a person is shown. Conversations are named by the other side: a person, or the lane of the lobby or a
 * group.
 */
export interface Rest {
  readonly person: string;
  /** Unread counts of every conversation in the person's list. */
  readonly unread: ReadonlyMap<string, number>;
  /**
   * Texts of some conversations, oldest first, back to the first one that was judged before. 'refused': the
   * person is not a member.
   */
  readonly histories: ReadonlyMap<string, readonly string[] | 'refused'>;
}

/** Key: "person conversation". */
export type Unread = ReadonlyMap<string, number>;

export interface RestOptions {
  /** Key: lane. New entries since the last judgement; a person's log has both sides. */
  readonly logs: ReadonlyMap<string, readonly LogItem[]>;
  readonly before: NonNullable<CheckOptions['before']>;
  /** The members when the logs begin. */
  readonly members: Members;
  /** Unread counts when the logs begin; absent means 0. */
  readonly unread: Unread;
}

/** Answers the faults, and the unread count of each of these people. */
export function checkRest(
  rests: readonly Rest[],
  options: RestOptions,
): { readonly findings: readonly Finding[]; readonly unread: Unread } {
  const findings: Finding[] = [];
  const unread = new Map<string, number>();
  for (const { person, unread: said, histories } of rests) {
    const conversations = conversationsOf(person, options);
    for (const [other, conversation] of conversations) unread.set(`${person} ${other}`, conversation.unread);
    for (const other of new Set([...conversations.keys(), ...said.keys()])) {
      const [is, should] = [said.get(other) ?? 0, conversations.get(other)?.unread ?? 0];
      if (is !== should)
        findings.push({ fault: 'unread differs', person, text: `${other}: ${is} for ${should}` });
    }
    for (const [other, history] of histories) {
      const texts = conversations.get(other)?.texts ?? (isGroupLane(other) ? undefined : []);
      if (texts === undefined) {
        if (history !== 'refused') findings.push({ fault: 'read by no member', person, text: other });
        continue;
      }
      const found = history === 'refused' ? [history] : newestOf(history, options.before);
      if (found.join() !== texts.join())
        findings.push({ fault: 'history differs', person, text: `${other}: ${difference(found, texts)}` });
    }
  }
  return { findings, unread };
}

interface Conversation {
  readonly texts: readonly string[];
  readonly unread: number;
}

/**
 * The texts of each conversation since the logs begin, its unread count, and the groups that the person is
 * in.
 */
function conversationsOf(
  person: string,
  { logs, members, unread }: RestOptions,
): ReadonlyMap<string, Conversation> {
  const found = new Map<string, { texts: string[]; unread: number }>();
  const at = (other: string): { texts: string[]; unread: number } => {
    const known = found.get(other) ?? { texts: [], unread: unread.get(`${person} ${other}`) ?? 0 };
    found.set(other, known);
    return known;
  };
  for (const key of unread.keys()) {
    const [of, other = ''] = key.split(' ');
    if (of === person && !isGroupLane(other)) at(other);
  }
  const add = (other: string, text: string, from: string): void => {
    const conversation = at(other);
    conversation.texts.push(nameIn(text));
    conversation.unread = from === person ? 0 : conversation.unread + 1;
  };
  for (const item of logs.get(person) ?? []) {
    const payload = 'text' in item ? payloadOf(item.text) : undefined;
    if (payload === undefined || !('text' in item)) continue;
    const from = personOf(payload.sender);
    add(from === person ? payload.lane : from, item.text, from);
  }
  for (const [lane, items] of logs) {
    if (lane !== 'lobby' && !isGroupLane(lane)) continue;
    const people = new Map(members.get(lane));
    const isIn = (): boolean => lane === 'lobby' || people.has(person);
    if (isIn()) at(lane);
    for (const item of items) {
      const wasIn = isIn();
      if ('text' in item) {
        if (wasIn) add(lane, item.text, personOf(payloadOf(item.text)?.sender ?? ''));
        continue;
      }
      applyTo(people, item);
      // A person who joins, or joins again, begins there.
      if (!wasIn && isIn()) found.set(lane, { texts: [], unread: 0 });
      if (!isIn()) found.delete(lane);
    }
  }
  return found;
}

/** The texts without those that were judged before. */
const newestOf = (texts: readonly string[], before: RestOptions['before']): readonly string[] =>
  texts.map(nameIn).filter((text) => {
    const payload = payloadOf(text);
    return payload === undefined || payload.n > (before.get(`${payload.sender} ${payload.lane}`) ?? 0);
  });

function difference(found: readonly string[], texts: readonly string[]): string {
  const at = found.findIndex((text, i) => text !== texts[i]);
  const place = at < 0 ? found.length : at;
  return `${found.length} for ${texts.length}, at ${place} ${found[place] ?? 'nothing'} for ${texts[place] ?? 'nothing'}`;
}
