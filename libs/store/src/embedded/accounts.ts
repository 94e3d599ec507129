import { CimError, type UserId, type UserName } from '@cim/protocol';
import { type Account, type Accounts, idTaken, looksLike, nameTaken } from '../accounts.ts';
import { looksOf } from '../looks.ts';
import { accountKey, lookKey, NEXT_USER, nameKey, subjectKey } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import type { AccountRecord } from './records.ts';

const FIRST_USER = 1_001;

export class EmbeddedAccounts implements Accounts {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async register(
    name: UserName,
    passwordHash?: string,
    subject?: string,
  ): Promise<{ account: Account; created: boolean }> {
    const { account, created } = this.#findOrMake(name, passwordHash, subject);
    // Waits also for an account that was found: it may still be on its way to the disk.
    await this.#ledger.commit();
    return { account, created };
  }

  async adopt(userId: UserId, name: UserName): Promise<{ account: Account; created: boolean }> {
    const held = this.#ledger.get(accountKey(userId));
    if (held !== undefined && held.userName !== name) throw idTaken(userId, held.userName);
    if (held === undefined) {
      const holder = this.#ledger.get(nameKey(name));
      if (holder !== undefined && this.#ledger.get(accountKey(holder.userId))) throw nameTaken(name);
      const other = this.#lookAlike(looksOf(name), userId);
      if (other !== undefined) throw looksLike(name, other);
      this.#put(userId, { userName: name, adopted: true });
    }
    await this.#ledger.commit();
    return { account: accountOf(userId, held ?? { userName: name }), created: held === undefined };
  }

  /** The account with its name and its looks. */
  #put(userId: UserId, record: AccountRecord): void {
    this.#ledger.put(accountKey(userId), record);
    this.#ledger.put(nameKey(record.userName), { userId });
    for (const look of looksOf(record.userName)) this.#ledger.put(lookKey(look), { userId });
  }

  async replacePassword(
    userId: UserId,
    replaces: string | undefined,
    passwordHash: string,
  ): Promise<boolean> {
    const record = this.#ledger.get(accountKey(userId));
    if (record === undefined) return false;
    if (record.passwordHash !== replaces && record.passwordHash !== passwordHash) return false;
    this.#ledger.put(accountKey(userId), { ...record, passwordHash });
    await this.#ledger.commit();
    return true;
  }

  bySubject(subject: string): Promise<Account | undefined> {
    return promised(() => {
      const found = this.#ledger.committed(subjectKey(subject));
      return found === undefined ? undefined : this.#byId(found.userId);
    });
  }

  async rename(userId: UserId, name: UserName): Promise<Account> {
    const record = this.#ledger.get(accountKey(userId));
    if (record === undefined) throw new CimError('unknownAccount');
    const holder = this.#ledger.get(nameKey(name));
    if (holder !== undefined && holder.userId !== userId && this.#ledger.get(accountKey(holder.userId)))
      throw nameTaken(name);
    const looks = looksOf(name);
    const other = this.#lookAlike(looks, userId);
    if (other !== undefined) throw looksLike(name, other);
    const renamed: AccountRecord = { ...record, userName: name };
    this.#ledger.put(nameKey(record.userName), undefined);
    for (const look of looksOf(record.userName))
      if (this.#ledger.get(lookKey(look))?.userId === userId) this.#ledger.put(lookKey(look), undefined);
    this.#put(userId, renamed);
    await this.#ledger.commit();
    return accountOf(userId, renamed);
  }

  byId(userId: UserId): Promise<Account | undefined> {
    return promised(() => this.#byId(userId));
  }

  byName(name: string): Promise<Account | undefined> {
    return promised(() => {
      const found = this.#ledger.committed(nameKey(name));
      return found === undefined ? undefined : this.#byId(found.userId);
    });
  }

  #byId(userId: UserId): Account | undefined {
    const record = this.#ledger.committed(accountKey(userId));
    return record === undefined ? undefined : accountOf(userId, record);
  }

  /** The name of another account that has one of these looks; undefined when there is none. */
  #lookAlike(looks: readonly string[], userId?: UserId): string | undefined {
    for (const look of looks) {
      const holder = this.#ledger.get(lookKey(look));
      // The store has lost the account of this look, so the look is free again.
      const other = holder === undefined ? undefined : this.#ledger.get(accountKey(holder.userId));
      if (other !== undefined && holder?.userId !== userId) return other.userName;
    }
    return undefined;
  }

  #findOrMake(
    name: UserName,
    passwordHash: string | undefined,
    subject: string | undefined,
  ): { account: Account; created: boolean } {
    const own = subject === undefined ? undefined : this.#ledger.get(subjectKey(subject));
    const found = own ?? this.#ledger.get(nameKey(name));
    const taken = found === undefined ? undefined : this.#ledger.get(accountKey(found.userId));
    if (found !== undefined && taken !== undefined)
      return { account: accountOf(found.userId, taken), created: false };
    const looks = looksOf(name);
    const other = this.#lookAlike(looks);
    if (other !== undefined) throw looksLike(name, other);
    let userId = (this.#ledger.get(NEXT_USER)?.id ?? FIRST_USER) as UserId;
    // An adopted account may have the id.
    while (this.#ledger.get(accountKey(userId)) !== undefined) userId++;
    const record: AccountRecord = {
      userName: name,
      ...(passwordHash === undefined ? {} : { passwordHash }),
      ...(subject === undefined ? {} : { subject }),
    };
    if (subject !== undefined) this.#ledger.put(subjectKey(subject), { userId });
    this.#ledger.put(NEXT_USER, { id: userId + 1 });
    this.#put(userId, record);
    return { account: accountOf(userId, record), created: true };
  }
}

const accountOf = (userId: UserId, { userName, passwordHash, subject }: AccountRecord): Account => ({
  userId,
  userName,
  ...(passwordHash === undefined ? {} : { passwordHash }),
  ...(subject === undefined ? {} : { subject }),
});
