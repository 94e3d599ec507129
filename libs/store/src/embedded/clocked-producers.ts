import { clockedProducers, producerKeyOf } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { decodeRecord } from './record-bytes.ts';
import type { ProducerRecord } from './records.ts';

const SLICE = 1_000;
const SLICE_BYTES = 1024 * 1024;

/**
 * Upgrades the producers of a folder whose version forgot them by the clock. Moves each record to the window
 * of its last entry, so that clients that were connected before the upgrade go on. A new folder has none.
 */
export async function moveClockedProducers(ledger: Ledger, producerEntries: number): Promise<void> {
  for (;;) {
    const rows = await ledger.rows(clockedProducers, SLICE, SLICE_BYTES);
    if (rows.length === 0) return;
    // In order of time: the newer record of a producer replaces the older one.
    for (const [clocked, row] of rows) {
      const record = decodeRecord(row) as ProducerRecord;
      const key = producerKeyOf(clocked, Math.floor(record.seq / producerEntries));
      if (key !== undefined) ledger.put(key, record);
      ledger.deleteRow(clocked);
    }
    await ledger.commit();
  }
}
