import type { UserId } from '@cim/protocol';
import { type Blocks, MOST_BLOCKS } from '../blocks.ts';
import { blocksKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';

export class EmbeddedBlocks implements Blocks {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  list(user: UserId): Promise<readonly UserId[]> {
    return promised(() => this.#ledger.committed(blocksKey(user))?.users ?? []);
  }

  async block(user: UserId, blocked: UserId): Promise<'ok' | 'full'> {
    const users = this.#written(user);
    const isNew = !users.includes(blocked);
    if (isNew && users.length >= MOST_BLOCKS) return 'full';
    if (isNew) this.#ledger.put(blocksKey(user), { users: [...users, blocked].sort((a, b) => a - b) });
    await this.#ledger.commit();
    return 'ok';
  }

  async unblock(user: UserId, blocked: UserId): Promise<void> {
    const left = this.#written(user).filter((one) => one !== blocked);
    this.#ledger.put(blocksKey(user), left.length === 0 ? undefined : { users: left });
    await this.#ledger.commit();
  }

  /** Whether the user has blocked the sender. */
  has(user: UserId, sender: UserId): boolean {
    return this.#written(user).includes(sender);
  }

  #written(user: UserId): readonly UserId[] {
    return this.#ledger.get(blocksKey(user))?.users ?? [];
  }
}
