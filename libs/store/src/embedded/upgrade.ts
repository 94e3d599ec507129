import { ownerOf } from '@cim/protocol';
import type { Seq } from '@cim/protocol';
import { Slice } from '@cim/runtime';
import { moveClockedProducers } from './clocked-producers.ts';
import { allStreams, cursorKey, FORMAT, type Key } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { enterOldLooks } from './old-looks.ts';
import { decodeRecord } from './record-bytes.ts';
import type { StreamRecord, StreamRecord1 } from './records.ts';
import { emptyStream } from './retention.ts';

/** The format of the folder. A version that changes it must read the format before too. */
export const FORMAT_VERSION = 2;
/** The oldest format that `upgradeFolder` can read. */
export const OLDEST_FORMAT = 1;

const STREAMS_AT_ONCE = 500;
const READ_BYTES = 1024 * 1024;

/**
 * Upgrades a folder of an older format, or fills a new one. Each step skips what is done already, so after a
 * crash the next opening goes on. The number of the format is written last.
 */
export async function upgradeFolder(ledger: Ledger, producerEntries: number): Promise<void> {
  await enterOldLooks(ledger);
  if (ledger.committed(FORMAT)?.version === FORMAT_VERSION) return;
  await moveClockedProducers(ledger, producerEntries);
  await countStreams(ledger);
  ledger.put(FORMAT, { version: FORMAT_VERSION });
  await ledger.commit();
}

/** From format 1: the record of a stream gets the settled seq, and counts unread entries from now on. */
async function countStreams(ledger: Ledger): Promise<void> {
  const slice = new Slice();
  for (let gte: string = allStreams.gte; ; ) {
    const rows = await ledger.rows({ gte, lt: allStreams.lt }, STREAMS_AT_ONCE, READ_BYTES);
    for (const [key, row] of rows) {
      const record = decodeRecord(row) as StreamRecord1;
      if (record.settled === undefined) ledger.put(key as Key<StreamRecord>, counted(ledger, record));
      if (slice.over) await slice.next();
    }
    await ledger.commit();
    const last = rows.at(-1);
    if (last === undefined) return;
    gte = `${last[0]}\0`;
  }
}

function counted(ledger: Ledger, before: StreamRecord1): StreamRecord {
  const { stream, first, top } = before;
  const owner = ownerOf(stream);
  const acked = owner === undefined ? 0 : (ledger.get(cursorKey(owner, stream))?.seq ?? 0);
  return {
    ...emptyStream(stream),
    ...{ first, top, firstAt: before.firstAt, topId: before.topId, topDigest: before.topDigest },
    ...{ bytes: before.bytes, settledBytes: before.settledBytes },
    settled: Math.max(acked, first - 1) as Seq,
    // A version that forgot producers by the clock did not note whether it had.
    forgot: before.forgot ?? top > 0,
  };
}
