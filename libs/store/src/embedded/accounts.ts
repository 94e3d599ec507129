import type { UserId, UserName } from '@cim/protocol';
import type { Account, Accounts } from '../accounts.ts';
import { key } from './keys.ts';
import type { Ledger } from './ledger.ts';

const FIRST_USER = 1_001;

interface Stored extends Readonly<Record<string, unknown>> {
  readonly userName: UserName;
  readonly passwordHash?: string;
}

export class EmbeddedAccounts implements Accounts {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async register(name: UserName, passwordHash?: string): Promise<{ account: Account; created: boolean }> {
    const taken = this.#byName(name);
    if (taken !== undefined) {
      // It may be on its way to the disk; who hears of it may rely on it.
      await this.#ledger.commit();
      return { account: taken, created: false };
    }
    const userId = (this.#ledger.get<{ id: number }>(key.nextUser)?.id ?? FIRST_USER) as UserId;
    const stored: Stored = { userName: name, ...(passwordHash === undefined ? {} : { passwordHash }) };
    this.#ledger.put(key.nextUser, { id: userId + 1 });
    this.#ledger.put(key.account(userId), stored);
    this.#ledger.put(key.name(name), { id: userId });
    await this.#ledger.commit();
    return { account: { userId, ...stored }, created: true };
  }

  byId(userId: UserId): Promise<Account | undefined> {
    return Promise.resolve(this.#byId(userId));
  }

  byName(name: string): Promise<Account | undefined> {
    return Promise.resolve(this.#byName(name));
  }

  #byName(name: string): Account | undefined {
    const found = this.#ledger.get<{ id: UserId }>(key.name(name));
    return found === undefined ? undefined : this.#byId(found.id);
  }

  #byId(userId: UserId): Account | undefined {
    const stored = this.#ledger.get<Stored>(key.account(userId));
    return stored === undefined ? undefined : { userId, ...stored };
  }
}
