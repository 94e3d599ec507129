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

/** A user's rows lie behind the record that says how often they were saved; all change in one batch. */
export class EmbeddedConversationRows implements ConversationRows {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async load(user: UserId): Promise<SavedConversations> {
    for (;;) {
      const saved = await this.#read(user);
      // A save between two pages: some rows may be older than others.
      if (this.#onDisk(user).revision === saved.revision) return saved;
    }
  }

  async save(
    user: UserId,
    revision: number,
    folded: Cursor,
    rows: readonly ConversationRow[],
  ): Promise<boolean> {
    // From the disk into the ledger, in slices: what follows is one step.
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

  /** Read as the rows are, past what the ledger remembers: a batch that has just been written is in both. */
  #onDisk(user: UserId): Pick<SavedConversations, 'revision' | 'folded'> {
    const row = this.#ledger.row(foldKey(user) satisfies Key<FoldRecord>);
    return row === undefined ? NOTHING : (decodeRecord(row) as FoldRecord);
  }
}
