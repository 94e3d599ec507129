/** What a stream may forget (design: retention). */
import type { MessageId, Seq, StreamRef } from '@cim/protocol';
import type { StreamLimits } from '../streams.ts';
import { decodeRow, totalOf } from './entry-row.ts';
import { cursorKey, entryKey, streamKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { StreamRecord } from './records.ts';

export const emptyStream = (stream: StreamRef): StreamRecord => ({
  stream,
  first: 1 as Seq,
  firstAt: 0,
  top: 0 as Seq,
  topId: '' as MessageId,
  bytes: 0,
  settledBytes: 0,
});

/** Up to where the owner of an inbox has it; a group keeps nothing for anybody, so all of it. */
export const ackedOf = (ledger: Ledger, { stream, top }: StreamRecord): Seq =>
  stream.kind === 'group' ? top : (ledger.get(cursorKey(stream.user, stream))?.seq ?? (0 as Seq));

/**
 * The stream without its oldest entries that are too many or too old. Reads only.
 * @param steps how many entries it may go on
 * @param coming entries that are about to be added
 */
export function trimmed(
  ledger: Ledger,
  before: StreamRecord,
  request: {
    readonly acked: Seq;
    readonly now: number;
    readonly steps: number;
    readonly coming: number;
    readonly limits: StreamLimits;
  },
): StreamRecord {
  const { acked, now, steps, coming, limits } = request;
  const { stream, top } = before;
  let { first, firstAt, settledBytes } = before;
  for (let step = 0; step < steps && first <= top; step++) {
    const isAcked = first <= acked;
    const tooMany = isAcked && top - first + 1 + coming > limits.maxEntries;
    if (!tooMany) {
      const keptMs = isAcked ? limits.keptMs : limits.unackedMs;
      if (firstAt + keptMs > now) break;
      // `firstAt` may be that of an entry that is gone: look when it matters. A row not on disk yet is a young one.
      const row = ledger.row(entryKey(stream, first));
      if (row === undefined && first > (ledger.committed(streamKey(stream))?.top ?? 0)) {
        firstAt = now;
        break;
      }
      // One that is on disk by its stream's record and is not there was lost: it is as old as the one before it.
      if (row !== undefined) firstAt = decodeRow(row).storedAt;
      if (firstAt + keptMs > now) break;
      if (row !== undefined) settledBytes = Math.max(settledBytes, totalOf(row));
    }
    first = (first + 1) as Seq;
  }
  return first === before.first && firstAt === before.firstAt
    ? before
    : { ...before, first, firstAt, settledBytes };
}

/** Writes what `trimmed` answered. */
export function writeTrim(ledger: Ledger, before: StreamRecord, after: StreamRecord): void {
  for (let seq: number = before.first; seq < after.first; seq++)
    ledger.deleteRow(entryKey(before.stream, seq as Seq));
  if (after !== before) ledger.put(streamKey(after.stream), after);
}
