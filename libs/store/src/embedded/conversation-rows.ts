import type { MessageId, Seq, UserId } from '@cim/protocol';
import { inSlices, Slice } from '@cim/runtime';
import type { ConversationRow, ConversationRows, SavedConversations } from '../conversation-rows.ts';
import type { Cursor } from '../streams.ts';
import { foldKey, type Key, rowKey, rowsOf } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { decodeRecord } from './record-bytes.ts';
import type { FoldRecord } from './records.ts';

const ROWS_AT_ONCE = 1_000;
const READ_BYTES = 1024 * 1024;
const NOTHING: SavedConversations = {
  revision: 0,
  folded: { seq: 0 as Seq, id: '' as MessageId },
  rows: [],
};

/**
 * The conversation rows of each user, and a record with the number of saves. All of them change in one batch.
 */
export class EmbeddedConversationRows implements ConversationRows {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async load(user: UserId): Promise<SavedConversations> {
    for (;;) {
      const saved = await this.#read(user);
      // Repeats the read when a save came between two pages, since some rows may be older than others.
      if (this.#onDisk(user).revision === saved.revision) return saved;
    }
  }

  async save(
    user: UserId,
    revision: number,
    folded: Cursor,
    rows: readonly ConversationRow[],
  ): Promise<boolean> {
    // Reads the rows into the ledger in slices, so that the next part needs no disk and is one step.
    await inSlices(rows, ({ peer }) => this.#ledger.get(rowKey(user, peer)));
    const key = foldKey(user);
    const fold = this.#ledger.get(key);
    const isNewest = (fold?.revision ?? 0) === revision;
    if (isNewest) {
      const added = rows.filter(({ peer }) => this.#ledger.get(rowKey(user, peer)) === undefined);
      const peers = (fold?.peers ?? 0) + added.length;
      for (const row of rows) this.#ledger.put(rowKey(user, row.peer), row);
      this.#ledger.put(key, { revision: revision + 1, folded, peers });
    }
    await this.#ledger.commit();
    return isNewest;
  }

  async #read(user: UserId): Promise<SavedConversations> {
    const { revision, folded } = this.#onDisk(user);
    const rows: ConversationRow[] = [];
    const slice = new Slice();
    let { gte } = rowsOf(user);
    for (;;) {
      const page = await this.#ledger.rows({ gte, lt: rowsOf(user).lt }, ROWS_AT_ONCE, READ_BYTES);
      for (const [, row] of page) {
        rows.push(decodeRecord(row) as ConversationRow);
        if (slice.over) await slice.next();
      }
      const last = page.at(-1);
      if (last === undefined) return { revision, folded, rows };
      gte = `${last[0]}\0`;
    }
  }

  /** Reads the record like the rows, without the ledger's memory: both see the batch that was just written. */
  #onDisk(user: UserId): Pick<SavedConversations, 'revision' | 'folded'> {
    const row = this.#ledger.row(foldKey(user) satisfies Key<FoldRecord>);
    return row === undefined ? NOTHING : (decodeRecord(row) as FoldRecord);
  }
}
