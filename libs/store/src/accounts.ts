import { CimError, type UserId, type UserName } from '@cim/protocol';

export interface Account {
  readonly userId: UserId;
  /** The name as it was first registered. */
  readonly userName: UserName;
  /** PHC string. Absent for an account without a password, which anybody may use. */
  readonly passwordHash?: string;
  /** Subject of the tokens that the user logs in with. Absent for an account that was registered. */
  readonly subject?: string;
}

export interface Accounts {
  /**
   * Makes an account with a new id. For an existing name (case ignored) it answers the account of that name,
   * unchanged. Safe to repeat, and safe for two callers at once: both get the same account.
   * @throws {CimError} 3000: the name is new and looks like that of another account (`looks.ts`). Of
   * simultaneous registrations of look-alikes at most one makes an account.
   * @param subject subject of the account's tokens. A subject that has an account gets that account. An
   * answered account with another subject, or without one, belongs to somebody else, who has the name.
   */
  register(
    name: UserName,
    passwordHash?: string,
    subject?: string,
  ): Promise<{ readonly account: Account; readonly created: boolean }>;
  /**
   * Makes an account with the id that it had elsewhere. Safe to repeat: an account with this id and name is
   * answered.
   * @throws {CimError} 3000, and nothing is made: the id belongs to an account with another name, or another
   * account has the name or one that looks like it
   */
  adopt(userId: UserId, name: UserName): Promise<{ readonly account: Account; readonly created: boolean }>;
  /**
   * Replaces the hash `replaces` by `passwordHash`. Safe to repeat. False, and nothing is changed, when the
   * account has neither hash or does not exist.
   * @param replaces undefined: the account must have no password yet
   */
  replacePassword(userId: UserId, replaces: string | undefined, passwordHash: string): Promise<boolean>;
  byId(userId: UserId): Promise<Account | undefined>;
  bySubject(subject: string): Promise<Account | undefined>;
  /**
   * Gives the account another name, and frees the old one. Messages that were sent under the old name keep
   * it.
   * @throws {CimError} 3000: another account has the name, or one that looks like it; 9100: there is no such
   * account
   */
  rename(userId: UserId, name: UserName): Promise<Account>;
  /** Finds an account by its name, ignoring case. */
  byName(name: string): Promise<Account | undefined>;
}

export const looksLike = (name: string, taken: string): CimError =>
  new CimError('invalid', `userName "${name}" looks like "${taken}", which is taken; choose another name`);

export const nameTaken = (name: string): CimError =>
  new CimError('invalid', `userName "${name}" is taken by another account`);

export const idTaken = (userId: UserId, holder: string): CimError =>
  new CimError('invalid', `userId ${userId} belongs to "${holder}" already`);
