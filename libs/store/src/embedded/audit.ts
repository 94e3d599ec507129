/** Reads a whole folder when it is opened, and finds missing and damaged data. */
import {
  decodeContent,
  groupStream,
  inboxOf,
  type GroupId,
  type MessageId,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import { Slice } from '@cim/runtime';
import { entryId } from '../streams.ts';
import { AuditedGroups } from './audit-groups.ts';
import { AuditedRows } from './audit-rows.ts';
import { decodeFeedRow } from './event-feed.ts';
import { decodeRow, encodeRow, isEvent, type Totals, totalsOf } from './entry-row.ts';
import {
  BATCHES,
  entryKey,
  eventKey,
  FEED_STATE,
  FORMAT,
  gapsKey,
  type Key,
  NEXT_USER,
  nameOfRow,
  nameOfStreamKey,
  positionOfFeed,
} from './keys.ts';
import type { Ledger } from './ledger.ts';
import { decodeRecord, encodeRecord } from './record-bytes.ts';
import type {
  AccountRecord,
  EventRecord,
  FeedStateRecord,
  GapsRecord,
  NextUserRecord,
  ProducerRecord,
  StreamRecord1,
} from './records.ts';
import { emptyStream } from './retention.ts';

const PAGE = 1_000;
const PAGE_BYTES = 4 * 1024 * 1024;

/** Character in a key that stands for bytes that are not UTF-8. Keys of ours are ASCII. */
const NO_UTF8 = '\uFFFD';

type Gap = GapsRecord['gaps'][number];

/** One stream as its rows show it. `name` is the name in keys. */
interface Found {
  state: StreamRecord1 | undefined;
  first: number;
  last: number;
  lastId: string;
  lastTotals: Totals;
  /** The newest entry that counts as unread, as the entries themselves say. */
  readonly newest: { n: number; seq: number; at: number };
  /** Entries that should be in the index of events and were not found there yet. */
  readonly events: Set<number>;
  lastEvent: number;
  /** Gaps between the oldest entry that is kept and `last`. */
  readonly gaps: Gap[];
  /** Gaps that the operator has accepted before. */
  accepted: readonly Gap[];
  readonly producers: { readonly key: string; readonly seq: Seq }[];
}

export interface Audit {
  readonly accounts: number;
  readonly streams: number;
  /** One line for each fault. */
  readonly problems: readonly string[];
  /**
   * Makes the remaining data usable. Call `commit` afterwards. Damaged records are removed. A stream ends
   * with its last row, so that clients which had more are told `reset`. The record of a producer whose newest
   * entry is lost is removed too: its sender then asks for each of its entries, and is told which are lost.
   * Gaps stay, and are told when they are delivered.
   */
  readonly mend: () => void;
}

export async function audit(ledger: Ledger): Promise<Audit> {
  const problems: string[] = [];
  const damaged: string[] = [];
  const streams = new Map<string, Found>();
  const of = (name: string): Found => {
    let found = streams.get(name);
    if (found === undefined) {
      found = {
        state: undefined,
        first: 0,
        last: 0,
        lastId: '',
        lastTotals: { bytes: 0, copies: 0 },
        newest: { n: 0, seq: 0, at: 0 },
        events: new Set(),
        lastEvent: 0,
        gaps: [],
        accepted: [],
        producers: [],
      };
      streams.set(name, found);
    }
    return found;
  };
  let records = 0;
  let accounts = 0;
  let newestUser = 0;
  let nextUser = 0;
  const format = { found: false };
  /**
   * Records of the feed of events that were found, and the numbers of its state. After damage its receivers
   * may have to get all records again.
   */
  const feed = { first: 0, last: 0, top: 0 };
  const groups = new AuditedGroups();
  const conversations = new AuditedRows();

  const add = (key: string, row: Uint8Array): void => {
    if (key.includes(NO_UTF8)) throw new Error('no key of ours');
    if (key.startsWith('x:')) return;
    if (key.startsWith('e:')) {
      const { name, seq } = nameOfRow(key);
      return addRow(of(name), seq, row);
    }
    if (key.startsWith('i:')) {
      feed.first ||= positionOfFeed(key);
      feed.last = positionOfFeed(key);
      decodeFeedRow(feed.last, row);
      return;
    }
    const record: unknown = decodeRecord(row);
    groups.add(key, record);
    conversations.add(key, record);
    if (key === FORMAT) format.found = true;
    if (key === FEED_STATE) feed.top = (record as FeedStateRecord).top;
    if (key === NEXT_USER) nextUser = (record as NextUserRecord).id;
    if (key.startsWith('d:')) of(key.slice('d:'.length)).accepted = (record as GapsRecord).gaps;
    if (key.startsWith('t:')) of(nameOfStreamKey(key)).state = record as StreamRecord1;
    if (key.startsWith('p:'))
      of(key.split(':')[1] ?? '').producers.push({ key, seq: (record as ProducerRecord).seq });
    if (key.startsWith('v:')) {
      const { name, seq } = nameOfRow(key);
      of(name).events.delete(seq);
    }
    if (key.startsWith('a:')) accounts++;
    // The id of an adopted account was given elsewhere.
    if (key.startsWith('a:') && (record as AccountRecord).adopted !== true)
      newestUser = Math.max(newestUser, Number(key.slice('a:'.length)));
  };

  const slice = new Slice();
  for (let gte = '\0'; ; ) {
    const page = await ledger.rows({ gte, lt: '\uffff' }, PAGE, PAGE_BYTES);
    const last = page.at(-1);
    if (last === undefined) break;
    for (const [key, row] of page) {
      if (key !== BATCHES) records++;
      try {
        add(key, row);
      } catch {
        damaged.push(key);
        problems.push(`the record ${key} cannot be read`);
      }
      if (slice.over) await slice.next();
    }
    gte = `${last[0]}\0`;
  }

  if (records > 0 && !format.found) problems.push('the record m:format is missing');
  if (newestUser >= nextUser && newestUser > 0) problems.push('the record m:next-user is missing or old');
  if (feed.last > feed.top) problems.push('the record m:feed is missing or old');
  for (const [name, found] of streams) problems.push(...problemsOf(name, found));
  problems.push(...groups.problems(), ...conversations.problems());

  const mend = (): void => {
    for (const key of damaged) removeDamaged(ledger, key);
    if (newestUser >= nextUser) ledger.put(NEXT_USER, { id: newestUser + 1 });
    if (feed.last > feed.top) ledger.put(FEED_STATE, { first: feed.first, top: feed.last, cursors: {} });
    for (const [name, found] of streams)
      if (problemsOf(name, found).length > 0) mendStream(ledger, name, found);
    groups.mend(ledger);
    conversations.mend(ledger);
  };
  return { problems, mend, accounts, streams: streams.size };
}

/**
 * A key with bytes that are not UTF-8 cannot be named. So the rows behind its readable part that are not
 * ASCII are removed.
 */
function removeDamaged(ledger: Ledger, key: string): void {
  const cut = key.indexOf(NO_UTF8);
  if (cut <= 0) return ledger.deleteRow(key);
  const last = String.fromCharCode(key.charCodeAt(cut - 1) + 1);
  ledger.clearLater({ gte: `${key.slice(0, cut)}\x7f`, lt: `${key.slice(0, cut - 1)}${last}` });
}

function addRow(found: Found, seq: number, row: Uint8Array): void {
  const entry = decodeRow(row);
  if (entry.seq !== seq) throw new Error('another entry');
  if (found.last === 0) found.first = seq;
  else if (seq > found.last + 1) found.gaps.push({ from: found.last + 1, to: seq - 1 });
  found.last = seq;
  found.lastId = entryId(entry);
  found.lastTotals = totalsOf(row);
  if (entry.n > found.newest.n) Object.assign(found.newest, { n: entry.n, seq, at: entry.storedAt });
  if (!isEvent(row)) return;
  found.events.add(seq);
  found.lastEvent = seq;
}

/** New gaps of a stream, also the one before its first row, without those that were accepted before. */
function newGaps({ state, first, last, gaps, accepted }: Found): Gap[] {
  const leading =
    state !== undefined && last > 0 && first > state.first ? [{ from: state.first, to: first - 1 }] : [];
  return [...leading, ...gaps].filter(
    ({ from, to }) => !accepted.some((gap) => gap.from <= from && to <= gap.to),
  );
}

function problemsOf(name: string, found: Found): string[] {
  const { state, last, lastId } = found;
  if (state === undefined) return last === 0 ? [] : [`the record t:${name} is missing`];
  const problems: string[] = [];
  if (last < state.top && state.top >= state.first)
    problems.push(`entries ${Math.max(last + 1, state.first)} to ${state.top} of ${name} are missing`);
  else if (last > state.top || (last === state.top && last > 0 && lastId !== state.topId))
    problems.push(`the record t:${name} is not that of its entries`);
  for (const { from, to } of newGaps(found)) problems.push(`entries ${from} to ${to} of ${name} are missing`);
  for (const seq of found.events)
    problems.push(`the entry ${seq} of ${name} is missing in the index of events`);
  return problems;
}

function mendStream(ledger: Ledger, name: string, found: Found): void {
  const { state, first, last, lastId, lastTotals, newest, accepted, producers } = found;
  const gaps = newGaps(found);
  const stream = state?.stream ?? streamOf(name);
  // The id of the group cannot be told from this key. Its rows stay, and nobody asks for them.
  if (stream === undefined) return;
  const before: StreamRecord1 = state ?? { ...emptyStream(stream), first: first as Seq };
  const whole = last === state?.top && lastId === state.topId;
  const { settled, settledBytes, settledCopies } = before;
  ledger.put(`t:${name}` as Key<StreamRecord1>, {
    ...before,
    ...(whole
      ? {}
      : {
          top: last as Seq,
          topId: lastId as MessageId,
          topDigest: undefined,
          ...lastTotals,
          ...{ shown: newest.n, shownSeq: newest.seq as Seq, shownAt: newest.at },
          lastEvent: found.lastEvent as Seq,
          settledBytes: Math.min(settledBytes, lastTotals.bytes),
          settled: settled === undefined ? undefined : (Math.min(settled, last) as Seq),
          settledCopies: Math.min(settledCopies ?? 0, lastTotals.copies),
        }),
    first: Math.min(before.first, last + 1) as Seq,
    forgot: true,
  });
  for (const seq of found.events) mendEvent(ledger, stream, seq as Seq);
  if (gaps.length > 0) ledger.put(gapsKey(name), { gaps: [...accepted, ...gaps] });
  const isGone = (seq: number): boolean =>
    seq > last || gaps.some(({ from, to }) => seq >= from && seq <= to);
  for (const { key, seq } of producers) if (isGone(seq)) ledger.put(key as Key<ProducerRecord>, undefined);
}

/**
 * Adds an event to the index again. Its content names the message it is about. If that cannot be read, the
 * entry is no longer an event.
 */
function mendEvent(ledger: Ledger, stream: StreamRef, seq: Seq): void {
  const row = ledger.row(entryKey(stream, seq));
  if (row === undefined) return;
  const entry = decodeRow(row);
  const about = (decodeContent(entry.content)?.ref ?? '') as MessageId;
  if (about === '') ledger.putRow(entryKey(stream, seq), encodeRow(entry, totalsOf(row), false));
  else ledger.putRow(eventKey(stream, seq), encodeRecord({ about } satisfies EventRecord));
}

function streamOf(name: string): StreamRef | undefined {
  if (name.startsWith('i')) return inboxOf(Number(name.slice(1)) as UserId);
  return name.startsWith('g~') ? undefined : groupStream(name.slice(1) as GroupId);
}
