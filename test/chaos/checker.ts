/** Reads journals and finds every promise that was broken. Pure: it knows nothing of servers. */
import { type Journal, type Payload, payloadOf, textOf } from './journal.ts';

export type Fault =
  | 'lost'
  | 'shown twice'
  | 'out of order'
  | 'groups differ'
  | 'misdelivered'
  | 'answered stored, not stored'
  | 'stored twice'
  | 'never sent'
  | 'not answered';

export interface Finding {
  readonly fault: Fault;
  readonly person: string;
  readonly text: string;
}

export interface CheckOptions {
  /** All texts in the store, in the order of their streams; key: lane. */
  readonly stored?: ReadonlyMap<string, readonly string[]>;
  /** A loss counts only if neither the sender nor the recipient was told of it: for stores that may lose. */
  readonly toldIsEnough?: boolean;
  /** What was judged before, and is in no journal any more: how far each lane had come. Key: "sender lane". */
  readonly before?: ReadonlyMap<string, number>;
}

export function check(journals: readonly Journal[], options: CheckOptions = {}): Finding[] {
  const sent = new Set<string>();
  /** Key: lane. In the order of the answers of each sender. */
  const stored = new Map<string, Payload[]>();
  const findings: Finding[] = [];
  for (const { person, entries } of journals) {
    const open = new Set<string>();
    for (const entry of entries) {
      if (entry.did === 'sent') {
        sent.add(textOf(entry.payload));
        open.add(textOf(entry.payload));
      }
      if (entry.did !== 'answered') continue;
      open.delete(textOf(entry.payload));
      if (entry.outcome !== 'stored') continue;
      const lane = stored.get(entry.payload.lane);
      if (lane === undefined) stored.set(entry.payload.lane, [entry.payload]);
      else lane.push(entry.payload);
    }
    for (const text of open) findings.push({ fault: 'not answered', person, text });
  }
  const told = new Set(
    journals.flatMap(({ person, entries }) =>
      entries.flatMap((entry) => (entry.did === 'was-told' ? [`${person} ${entry.of}`] : [])),
    ),
  );
  for (const journal of journals)
    findings.push(...checkShown(journal, sent, options.before), ...checkLost(journal, stored, told, options));
  findings.push(...checkGroup(journals), ...checkStored(stored, options.stored, options.before));
  return findings;
}

/** What one person saw: each text once, in the order sent, from whom it says, meant for them. */
function checkShown(
  { person, entries }: Journal,
  sent: ReadonlySet<string>,
  before: CheckOptions['before'],
): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  /** Key: sender and lane. */
  const last = new Map<string, number>();
  for (const entry of entries) {
    if (entry.did !== 'shown') continue;
    const payload = payloadOf(entry.text);
    const find = (fault: Fault): void => void findings.push({ fault, person, text: entry.text });
    if (payload !== undefined && isOfBefore(payload, before)) {
      find('shown twice');
      continue;
    }
    if (payload === undefined || !sent.has(textOf(payload))) {
      find('never sent');
      continue;
    }
    const mine = entry.stream === 'lobby' ? payload.lane === 'lobby' : payload.lane === person;
    if (!mine || payload.sender !== entry.from || (entry.stream === 'lobby' && payload.sender === person))
      find('misdelivered');
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

function checkLost(
  { person, stayed, entries }: Journal,
  stored: ReadonlyMap<string, readonly Payload[]>,
  told: ReadonlySet<string>,
  { toldIsEnough = false }: CheckOptions,
): Finding[] {
  if (!stayed) return [];
  const shown = new Set(entries.flatMap((entry) => (entry.did === 'shown' ? [nameIn(entry.text)] : [])));
  const due = [...(stored.get(person) ?? []), ...(stored.get('lobby') ?? [])].filter(
    (p) => p.sender !== person,
  );
  const isTold = ({ sender, lane }: Payload): boolean =>
    told.has(`${sender} ${lane}`) || told.has(`${person} ${lane === 'lobby' ? 'lobby' : 'inbox'}`);
  return due
    .filter((payload) => !shown.has(textOf(payload)) && !(toldIsEnough && isTold(payload)))
    .map((payload) => ({ fault: 'lost', person, text: textOf(payload) }));
}

/** All members see the group in one order; nobody sees their own. */
function checkGroup(journals: readonly Journal[]): Finding[] {
  const findings: Finding[] = [];
  const orders = journals.map(({ person, entries }) => ({
    person,
    texts: entries.flatMap((entry) =>
      entry.did === 'shown' && entry.stream === 'lobby' ? [entry.text] : [],
    ),
  }));
  for (const [i, one] of orders.entries()) {
    const other = orders[(i + 1) % orders.length];
    if (other === undefined || other === one) continue;
    const place = new Map(other.texts.map((text, at) => [text, at]));
    let last = -1;
    for (const text of one.texts) {
      const at = place.get(text);
      if (at === undefined) continue;
      if (at < last) findings.push({ fault: 'groups differ', person: one.person, text });
      last = Math.max(last, at);
    }
  }
  return findings;
}

function checkStored(
  answered: ReadonlyMap<string, readonly Payload[]>,
  stored: ReadonlyMap<string, readonly string[]> | undefined,
  before: CheckOptions['before'],
): Finding[] {
  if (stored === undefined) return [];
  const findings: Finding[] = [];
  for (const [lane, texts] of stored) {
    const seen = new Set<string>();
    for (const text of texts.map(nameIn)) {
      const payload = payloadOf(text);
      if (seen.has(text) || (payload !== undefined && isOfBefore(payload, before)))
        findings.push({ fault: 'stored twice', person: lane, text });
      seen.add(text);
    }
    for (const payload of answered.get(lane) ?? [])
      if (!seen.has(textOf(payload)))
        findings.push({
          fault: 'answered stored, not stored',
          person: payload.sender,
          text: textOf(payload),
        });
  }
  return findings;
}

const isOfBefore = ({ sender, lane, n }: Payload, before: CheckOptions['before']): boolean =>
  n <= (before?.get(`${sender} ${lane}`) ?? 0);

/** A text without what may follow its payload. */
const nameIn = (text: string): string => {
  const payload = payloadOf(text);
  return payload === undefined ? text : textOf(payload);
};
