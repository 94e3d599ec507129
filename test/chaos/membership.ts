/**
 * Judges to whom a group's messages were shown, and whose were stored. It does so twice: by the moments at
 * which changes were requested and answered, which needs nothing of the servers; and by the place of each
 * change in the group's log, which is exact.
 */
import type { Fault, Finding, Sending } from './finding.ts';
import {
  isGroupLane,
  type Journal,
  type LogItem,
  type Members,
  payloadOf,
  personOf,
  textOf,
  voiceOf,
} from './journal.ts';

/** `unsure`: a change was under way. */
interface Standing {
  readonly is: 'in' | 'out' | 'unsure';
  readonly muted: boolean | 'unsure';
}

const OUT: Standing = { is: 'out', muted: false };

/** The members of groups at each moment, as far as the answers to changes tell. */
export class Standings {
  /** Key: "group person". Value: spans, ascending; each holds from `at` to the next one. */
  readonly #spans = new Map<string, { readonly at: number; readonly standing: Standing }[]>();

  constructor(journals: readonly Journal[], before: Members = new Map()) {
    for (const [group, people] of before)
      for (const [person, { muted }] of people)
        this.#spans.set(`${group} ${person}`, [
          { at: Number.NEGATIVE_INFINITY, standing: { is: 'in', muted } },
        ]);
    for (const { entries } of journals)
      for (const entry of entries) {
        if (entry.did !== 'asked-change' && entry.did !== 'changed') continue;
        const { group, person, op } = entry.change;
        const key = `${group} ${person}`;
        const spans = this.#spans.get(key) ?? [{ at: Number.NEGATIVE_INFINITY, standing: OUT }];
        const now = spans.at(-1)?.standing ?? OUT;
        spans.push({ at: entry.at, standing: after(now, op, entry.did === 'changed') });
        this.#spans.set(key, spans);
      }
  }

  /** The standing that held all the time from one moment to another. */
  during(group: string, person: string, from: number, to: number): Standing {
    const spans = this.#spans.get(`${group} ${person}`);
    if (spans === undefined) return OUT;
    const held = spans.filter(({ at }, i) => at <= to && (spans[i + 1]?.at ?? Infinity) >= from);
    const [first] = held;
    if (first === undefined) return OUT;
    const { is, muted } = first.standing;
    return {
      is: held.every(({ standing }) => standing.is === is) ? is : 'unsure',
      muted: held.every(({ standing }) => standing.muted === muted) ? muted : 'unsure',
    };
  }

  /** The certain members at the end. */
  get members(): Members {
    const members = new Map<string, Map<string, { muted: boolean }>>();
    for (const [key, spans] of this.#spans) {
      const [group = '', person = ''] = key.split(' ');
      const standing = spans.at(-1)?.standing ?? OUT;
      const people = members.get(group) ?? new Map<string, { muted: boolean }>();
      members.set(group, people);
      if (standing.is === 'in') people.set(person, { muted: standing.muted === true });
    }
    return members;
  }
}

function after({ is, muted }: Standing, op: 'in' | 'out' | 'mute' | 'unmute', done: boolean): Standing {
  if (op === 'mute' || op === 'unmute') return { is, muted: done ? op === 'mute' : 'unsure' };
  if (!done) return { is: 'unsure', muted };
  return { is: op, muted: false };
}

/**
 * Checks by moments: a person who was out all the time must neither be shown messages nor have any stored,
 * and one who was in must not be refused.
 */
export function checkMembers(
  journals: readonly Journal[],
  answers: readonly { readonly outcome: 'stored' | 'refused' | 'unknown'; readonly sending: Sending }[],
  standings: Standings,
): Finding[] {
  const findings: Finding[] = [];
  /** Key: text. */
  const sendings = new Map<string, Sending>();
  for (const { outcome, sending } of answers) {
    const { payload, from, to } = sending;
    if (!isGroupLane(payload.lane)) continue;
    sendings.set(textOf(payload), sending);
    const { is, muted } = standings.during(payload.lane, personOf(payload.sender), from, to);
    const find = (fault: Fault): void =>
      void findings.push({ fault, person: payload.sender, text: textOf(payload) });
    if (outcome === 'stored' && (is === 'out' || (is === 'in' && muted === true)))
      find('taken from no member');
    if (outcome === 'refused' && is === 'in' && muted === false) find('refused to a member');
  }
  for (const { person, device, entries } of journals)
    for (const entry of entries) {
      if (entry.did !== 'shown' || !isGroupLane(entry.stream)) continue;
      const payload = payloadOf(entry.text);
      const sending = payload === undefined ? undefined : sendings.get(textOf(payload));
      if (sending === undefined) continue;
      const { is } = standings.during(entry.stream, person, sending.from, sending.to);
      if (is === 'out')
        findings.push({ fault: 'shown to no member', person: voiceOf(person, device), text: entry.text });
    }
  return findings;
}

/** Checks by the logs: each text is shown exactly to those who were members at its place. */
export function checkLogs(
  journals: readonly Journal[],
  logs: ReadonlyMap<string, readonly LogItem[]> | undefined,
  standings: Standings,
  before: Members = new Map(),
): Finding[] {
  const findings: Finding[] = [];
  for (const [group, items] of logs ?? []) {
    if (!isGroupLane(group)) continue;
    const readers = new Map<string, ReadonlySet<string>>();
    const members = new Map(before.get(group));
    for (const item of items) {
      if (!('text' in item)) {
        applyTo(members, item);
        continue;
      }
      const payload = payloadOf(item.text);
      if (payload === undefined) continue;
      const text = textOf(payload);
      readers.set(text, new Set(members.keys()));
      if (members.get(personOf(payload.sender))?.muted !== false)
        findings.push({ fault: 'taken from no member', person: payload.sender, text });
    }
    findings.push(...checkReaders(journals, group, readers));
    const certain = standings.members.get(group) ?? new Map<string, { muted: boolean }>();
    const [inLog, known] = [listOf(members), listOf(certain)];
    if (inLog !== known)
      findings.push({ fault: 'members differ', person: group, text: `log: ${inLog}; answers: ${known}` });
  }
  return findings;
}

function checkReaders(
  journals: readonly Journal[],
  group: string,
  readers: ReadonlyMap<string, ReadonlySet<string>>,
): Finding[] {
  const findings: Finding[] = [];
  for (const { person, device, stayed, entries } of journals) {
    const voice = voiceOf(person, device);
    const shown = new Set<string>();
    for (const entry of entries) {
      if (entry.did !== 'shown' || entry.stream !== group) continue;
      const payload = payloadOf(entry.text);
      if (payload === undefined) continue;
      const text = textOf(payload);
      shown.add(text);
      if (readers.get(text)?.has(person) === false)
        findings.push({ fault: 'shown to no member', person: voice, text });
    }
    if (!stayed) continue;
    for (const [text, people] of readers)
      if (people.has(person) && !shown.has(text) && payloadOf(text)?.sender !== voice)
        findings.push({ fault: 'lost', person: voice, text });
  }
  return findings;
}

/** Applies a change in a log to the members. */
export function applyTo(
  members: Map<string, { readonly muted: boolean }>,
  { op, by, people, muted = false }: Exclude<LogItem, { readonly text: string }>,
): void {
  const those = people.length === 0 ? [by] : people;
  if (op === 'disband') members.clear();
  for (const person of those) {
    const member = members.get(person);
    if (op === 'leave' || op === 'remove') members.delete(person);
    else if (op === 'mute' && member !== undefined) members.set(person, { muted });
    else if (['create', 'add', 'join'].includes(op) && member === undefined)
      members.set(person, { muted: false });
  }
}

const listOf = (members: ReadonlyMap<string, { readonly muted: boolean }>): string =>
  [...members]
    .map(([person, { muted }]) => (muted ? `${person} (muted)` : person))
    .sort()
    .join(' ');
