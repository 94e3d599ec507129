import type { UserId } from '@cim/protocol';
import { looksOf } from '../looks.ts';
import { allAccounts, LOOKS, lookKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { decodeRecord } from './record-bytes.ts';
import type { AccountRecord } from './records.ts';

const ACCOUNTS_AT_ONCE = 500;
const READ_BYTES = 256 * 1024;

/**
 * Enters the looks of accounts made by a version without looks, when a folder is first opened. If two
 * accounts look the same, the older one gets the look, and both go on. After a crash in the middle the next
 * opening starts again.
 */
export async function enterOldLooks(ledger: Ledger): Promise<void> {
  if (ledger.committed(LOOKS) !== undefined) return;
  for (let { gte, lt } = allAccounts; ; ) {
    const rows = await ledger.rows({ gte, lt }, ACCOUNTS_AT_ONCE, READ_BYTES);
    for (const [key, row] of rows) {
      const userId = Number(key.slice(allAccounts.gte.length)) as UserId;
      const { userName } = decodeRecord(row) as AccountRecord;
      for (const look of looksOf(userName)) {
        const holder = ledger.get(lookKey(look));
        if (holder === undefined || holder.userId > userId) ledger.put(lookKey(look), { userId });
      }
    }
    const last = rows.at(-1);
    if (last === undefined) break;
    await ledger.commit();
    gte = `${last[0]}\0`;
  }
  ledger.put(LOOKS, { version: 1 });
  await ledger.commit();
}
