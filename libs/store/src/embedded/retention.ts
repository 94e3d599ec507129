/** What a stream may forget, and when. */
import type { MessageId, Seq, StreamRef } from '@cim/protocol';
import { policyOf } from '../stream-policy.ts';
import type { StreamLimits } from '../streams.ts';
import { decodeRow, totalsOf } from './entry-row.ts';
import { entryKey, eventsBefore, streamKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';

/** The index of events is trimmed each time a log has lost this many entries. */
const EVENTS_STEP = 1_000;

export const emptyStream = (stream: StreamRef): StreamRecord => ({
  stream,
  first: 1 as Seq,
  firstAt: 0,
  top: 0 as Seq,
  topId: '' as MessageId,
  bytes: 0,
  copies: 0,
  settled: 0 as Seq,
  settledBytes: 0,
  settledCopies: 0,
  shown: 0,
  shownSeq: 0 as Seq,
  shownAt: 0,
  lastEvent: 0 as Seq,
  forgot: false,
});

/** The seq up to which a stream waits for nobody. A group waits for nobody, so for a group it is the top. */
const settledOf = ({ stream, top, settled }: StreamRecord): Seq =>
  policyOf(stream).settledWhen === 'stored' ? top : settled;

/** Number of received entries of an inbox that wait for its user. */
export const waitingOf = ({ top, copies, settled, settledCopies }: StreamRecord): number =>
  top - copies - (settled - settledCopies);

/**
 * The stream without its oldest entries that are too many or too old. Writes nothing.
 * @param steps most entries that it removes
 * @param coming number of entries that are about to be added
 */
export function trimmed(
  ledger: Ledger,
  before: StreamRecord,
  request: {
    readonly now: number;
    readonly steps: number;
    readonly coming: number;
    readonly limits: StreamLimits;
  },
): StreamRecord {
  const { now, steps, coming, limits } = request;
  const { stream, top } = before;
  const waitsFrom = settledOf(before);
  let { first, firstAt, settled, settledBytes, settledCopies } = before;
  for (let step = 0; step < steps && first <= top; step++) {
    const isSettled = first <= waitsFrom;
    const tooMany = isSettled && top - first + 1 + coming > limits.maxEntries;
    if (!tooMany) {
      const keptMs = isSettled ? limits.keptMs : limits.unackedMs;
      if (firstAt + keptMs > now) break;
      // `firstAt` may be the time of an entry that is gone, so the row is read when it matters. A row that is
      // not on disk yet is young.
      const row = ledger.row(entryKey(stream, first));
      if (row === undefined && first > (ledger.committed(streamKey(stream))?.top ?? 0)) {
        firstAt = now;
        break;
      }
      // A row that should be on disk and is not was lost. It counts as as old as the one before it.
      if (row !== undefined) firstAt = decodeRow(row).storedAt;
      if (firstAt + keptMs > now) break;
      if (!isSettled) {
        settled = first;
        if (row !== undefined) ({ bytes: settledBytes, copies: settledCopies } = totalsOf(row));
      }
    }
    first = (first + 1) as Seq;
  }
  return first === before.first && firstAt === before.firstAt
    ? before
    : { ...before, first, firstAt, settled, settledBytes, settledCopies };
}

/** Writes the answer of `trimmed`. */
export function writeTrim(ledger: Ledger, before: StreamRecord, after: StreamRecord): void {
  const { stream, lastEvent } = before;
  for (let seq: number = before.first; seq < after.first; seq++)
    ledger.deleteRow(entryKey(stream, seq as Seq));
  if (after !== before) ledger.put(streamKey(stream), after);
  if (lastEvent < before.first) return;
  if (stepOf(before.first) !== stepOf(after.first) || lastEvent < after.first)
    ledger.clearLater(eventsBefore(stream, after.first));
}

const stepOf = (first: Seq): number => Math.floor(first / EVENTS_STEP);
