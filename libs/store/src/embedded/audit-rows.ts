import type { UserId } from '@cim/protocol';
import { foldKey, rowsOf } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { FoldRecord } from './records.ts';

/** The rows of conversations in a folder, for the audit. They can be made again from the logs. */
export class AuditedRows {
  /** Key: user. Value: how many rows were found, and how many there should be. */
  readonly #users = new Map<UserId, { found: number; expected: number }>();

  add(key: string, record: unknown): void {
    if (!key.startsWith('w:')) return;
    const [, name = '', peer] = key.split(':');
    const user = Number(name) as UserId;
    const rows = this.#users.get(user) ?? { found: 0, expected: 0 };
    this.#users.set(user, rows);
    if (peer === undefined) rows.expected = (record as FoldRecord).peers;
    else rows.found++;
  }

  problems(): string[] {
    return this.#incomplete().map((user) => `conversations of user ${user} are missing`);
  }

  /** Removes all rows of a user when some are missing. They are made again from the log. */
  mend(ledger: Ledger): void {
    for (const user of this.#incomplete()) {
      ledger.put(foldKey(user), undefined);
      ledger.clearLater(rowsOf(user));
    }
  }

  #incomplete(): UserId[] {
    return [...this.#users].flatMap(([user, { found, expected }]) => (found === expected ? [] : [user]));
  }
}
