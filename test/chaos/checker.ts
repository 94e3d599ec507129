/** Reads journals and finds every broken promise. Pure: it knows nothing of servers. */
import type { Fault, Finding, Sending } from './finding.ts';
import {
  isGroupLane,
  isPrivate,
  type Journal,
  type LogItem,
  type Members,
  type Payload,
  payloadOf,
  personOf,
  textOf,
  voiceOf,
} from './journal.ts';
import { checkLogs, checkMembers, Standings } from './membership.ts';

export interface CheckOptions {
  /**
   * Key: lane. All entries in the store, in the order of their streams. A person's stream contains the
   * person's copies.
   */
  readonly stored?: ReadonlyMap<string, readonly LogItem[]>;
  /**
   * Whether a loss is a fault only if neither the sender nor the recipient was told of it: for stores that
   * may lose.
   */
  readonly toldIsEnough?: boolean;
  /** Key: "sender lane". How far each lane was judged before; the journals no longer have that part. */
  readonly before?: ReadonlyMap<string, number>;
  /** The members of groups when the journals begin. */
  readonly members?: Members;
}

export function check(journals: readonly Journal[], options: CheckOptions = {}): Finding[] {
  const sent = new Set<string>();
  const answers: { readonly outcome: 'stored' | 'refused' | 'unknown'; readonly sending: Sending }[] = [];
  const findings: Finding[] = [];
  for (const { person, device, entries } of journals) {
    const open = new Map<string, number>();
    for (const entry of entries) {
      if (entry.did === 'sent') {
        sent.add(textOf(entry.payload));
        open.set(textOf(entry.payload), entry.at);
      }
      if (entry.did !== 'answered') continue;
      const { payload, outcome, at } = entry;
      answers.push({ outcome, sending: { payload, from: open.get(textOf(payload)) ?? at, to: at } });
      open.delete(textOf(payload));
    }
    for (const text of open.keys())
      findings.push({ fault: 'not answered', person: voiceOf(person, device), text });
  }
  const stored = answers.flatMap(({ outcome, sending }) => (outcome === 'stored' ? [sending] : []));
  const told = new Set(
    journals.flatMap(({ person, entries }) =>
      entries.flatMap((entry) => (entry.did === 'was-told' ? [`${person} ${entry.of}`] : [])),
    ),
  );
  const standings = new Standings(journals, options.members);
  const due = new Due(stored, standings);
  for (const journal of journals)
    findings.push(...checkShown(journal, sent, options.before), ...checkLost(journal, due, told, options));
  findings.push(
    ...checkOrders(journals),
    ...checkStored(stored, options.stored, options.before),
    ...checkMembers(journals, answers, standings),
    ...checkLogs(journals, options.stored, standings, options.members),
  );
  return findings;
}

/** Checks one device: each text is shown once, in the order sent, with its sender, and to the right person. */
function checkShown(
  { person, device, entries }: Journal,
  sent: ReadonlySet<string>,
  before: CheckOptions['before'],
): Finding[] {
  const findings: Finding[] = [];
  const voice = voiceOf(person, device);
  const seen = new Set<string>();
  /** Key: sender and lane. */
  const last = new Map<string, number>();
  for (const entry of entries) {
    if (entry.did !== 'shown') continue;
    const payload = payloadOf(entry.text);
    const find = (fault: Fault): void =>
      void findings.push({ fault, person: voice, text: nameIn(entry.text) });
    if (payload !== undefined && isOfBefore(payload, before)) {
      find('shown twice');
      continue;
    }
    if (payload === undefined || !sent.has(textOf(payload))) {
      find('never sent');
      continue;
    }
    if (payload.sender === voice) find('shown to its sending device');
    else if (!isMeant(payload, person, entry)) find('misdelivered');
    const text = textOf(payload);
    if (seen.has(text)) {
      find('shown twice');
      continue;
    }
    seen.add(text);
    const lane = `${payload.sender} ${payload.lane}`;
    if (payload.n < (last.get(lane) ?? 0)) find('out of order');
    last.set(lane, Math.max(payload.n, last.get(lane) ?? 0));
  }
  return findings;
}

/**
 * Whether a text came in the stream that it was sent to, in its sender's name, and in the right conversation.
 */
function isMeant(
  { sender, lane }: Payload,
  person: string,
  shown: { readonly from: string; readonly stream: string; readonly conversation?: string },
): boolean {
  const from = personOf(sender);
  if (shown.from !== from) return false;
  const { stream, conversation } = shown;
  if (stream !== 'inbox') return lane === stream && (conversation ?? lane) === lane;
  if (!isPrivate(lane) || (lane !== person && from !== person)) return false;
  const peer = lane === person ? from : lane;
  return (conversation ?? peer) === peer;
}

/** The messages that must be shown: all that were answered as stored. */
class Due {
  /** Key: lane of a person or the lobby. */
  readonly #to = new Map<string, Payload[]>();
  /** Key: person. Private messages for the sender's other devices. */
  readonly #by = new Map<string, Payload[]>();
  /** Key: lane. */
  readonly #groups = new Map<string, Sending[]>();
  /** Key: person. Messages due to all devices of the person; filled when the first one is asked about. */
  readonly #found = new Map<string, readonly Payload[]>();
  readonly #standings: Standings;

  constructor(stored: readonly Sending[], standings: Standings) {
    this.#standings = standings;
    const add = <T>(map: Map<string, T[]>, key: string, item: T): void => {
      const list = map.get(key);
      if (list === undefined) map.set(key, [item]);
      else list.push(item);
    };
    for (const sending of stored) {
      const { payload } = sending;
      if (isGroupLane(payload.lane)) add(this.#groups, payload.lane, sending);
      else add(this.#to, payload.lane, payload);
      if (isPrivate(payload.lane)) add(this.#by, personOf(payload.sender), payload);
    }
  }

  /** In a group, the messages sent while the person was certainly a member. */
  of(person: string, voice: string): readonly Payload[] {
    let due = this.#found.get(person);
    if (due === undefined) {
      const inGroups = [...this.#groups].flatMap(([group, sendings]) =>
        sendings.filter(({ from, to }) => this.#standings.during(group, person, from, to).is === 'in'),
      );
      const others = [this.#to.get(person), this.#to.get('lobby'), this.#by.get(person)];
      due = [...others.flatMap((some) => some ?? []), ...inGroups.map(({ payload }) => payload)];
      this.#found.set(person, due);
    }
    return due.filter(({ sender }) => sender !== voice);
  }
}

function checkLost(
  { person, device, stayed, entries }: Journal,
  due: Due,
  told: ReadonlySet<string>,
  { toldIsEnough = false }: CheckOptions,
): Finding[] {
  if (!stayed) return [];
  const shown = new Set(entries.flatMap((entry) => (entry.did === 'shown' ? [nameIn(entry.text)] : [])));
  const voice = voiceOf(person, device);
  const isTold = ({ sender, lane }: Payload): boolean =>
    told.has(`${personOf(sender)} ${lane}`) || told.has(`${person} ${isPrivate(lane) ? 'inbox' : lane}`);
  return due
    .of(person, voice)
    .filter((payload) => !shown.has(textOf(payload)) && !(toldIsEnough && isTold(payload)))
    .map((payload) => ({ fault: 'lost', person: voice, text: textOf(payload) }));
}

/**
 * Checks orders: all devices show a group in the same order, and all devices of a person show its private
 * messages in the same order.
 */
function checkOrders(journals: readonly Journal[]): Finding[] {
  /** Key: stream. */
  const orders = new Map<string, { readonly voice: string; readonly texts: string[] }[]>();
  for (const { person, device, entries } of journals) {
    const own = new Map<string, string[]>();
    for (const entry of entries) {
      if (entry.did !== 'shown') continue;
      const stream = entry.stream === 'inbox' ? `inbox ${person}` : entry.stream;
      const texts = own.get(stream);
      if (texts === undefined) own.set(stream, [entry.text]);
      else texts.push(entry.text);
    }
    for (const [stream, texts] of own)
      orders.set(stream, [...(orders.get(stream) ?? []), { voice: voiceOf(person, device), texts }]);
  }
  const findings: Finding[] = [];
  for (const [stream, all] of orders) {
    const fault = stream.startsWith('inbox ') ? 'devices differ' : 'groups differ';
    for (const [i, one] of all.entries()) {
      const other = all[(i + 1) % all.length];
      if (other === undefined || other === one) continue;
      for (const text of movedIn(one.texts, other.texts)) findings.push({ fault, person: one.voice, text });
    }
  }
  return findings;
}

/** Texts of one order that come before a text that they follow in the other order. */
function movedIn(one: readonly string[], other: readonly string[]): string[] {
  const place = new Map(other.map((text, at) => [text, at]));
  let last = -1;
  return one.filter((text) => {
    const at = place.get(text) ?? last;
    const moved = at < last;
    last = Math.max(last, at);
    return moved;
  });
}

function checkStored(
  answered: readonly Sending[],
  stored: CheckOptions['stored'],
  before: CheckOptions['before'],
): Finding[] {
  if (stored === undefined) return [];
  const findings: Finding[] = [];
  /** Key: lane. */
  const seenIn = new Map<string, ReadonlySet<string>>();
  for (const [lane, items] of stored) {
    /** Key: text. */
    const seen = new Map<string, string | undefined>();
    for (const item of items) {
      if (!('text' in item)) continue;
      const text = nameIn(item.text);
      const ids = [seen.get(text), item.id].filter((id) => id !== undefined).join(' and ');
      const payload = payloadOf(text);
      if (seen.has(text) || (payload !== undefined && isOfBefore(payload, before)))
        findings.push({ fault: 'stored twice', person: lane, text: ids === '' ? text : `${text} as ${ids}` });
      seen.set(text, item.id);
    }
    seenIn.set(lane, new Set(seen.keys()));
  }
  for (const { payload } of answered) {
    const text = textOf(payload);
    if (seenIn.get(payload.lane)?.has(text) === false)
      findings.push({ fault: 'answered stored, not stored', person: payload.sender, text });
    const own = isPrivate(payload.lane) ? seenIn.get(personOf(payload.sender)) : undefined;
    if (own?.has(text) === false) findings.push({ fault: 'copy not stored', person: payload.sender, text });
  }
  return findings;
}

const isOfBefore = ({ sender, lane, n }: Payload, before: CheckOptions['before']): boolean =>
  n <= (before?.get(`${sender} ${lane}`) ?? 0);

/** A text without the filler after its payload. */
export const nameIn = (text: string): string => {
  const payload = payloadOf(text);
  return payload === undefined ? text : textOf(payload);
};
