import { CimError, type UserId, type UserName } from '@cim/protocol';

export interface Account {
  readonly userId: UserId;
  /** As first registered. */
  readonly userName: UserName;
  /** PHC string; absent for an account that anybody may use. */
  readonly passwordHash?: string;
  /** Subject of the tokens that its user logs in with; absent for an account that was registered. */
  readonly subject?: string;
}

export interface Accounts {
  /**
   * Makes an account with a fresh id. A name that exists (case ignored) answers its own account, unchanged.
   * Safe to repeat, and safe when two do it at once: all get the same account.
   * @throws {CimError} 3000: the name is new and looks like that of another account (`looks.ts`). Of registrations of
   * look-alikes at once at most one makes an account.
   * @param subject of the tokens of the account. A subject that has an account answers that one. An account that is answered
   * and has another subject, or none, is somebody else's: it has the name.
   */
  register(
    name: UserName,
    passwordHash?: string,
    subject?: string,
  ): Promise<{ readonly account: Account; readonly created: boolean }>;
  /**
   * Makes an account with the id that it had elsewhere. Safe to repeat: an account with this id and name is answered.
   * @throws {CimError} 3000, and nothing is made: the id belongs to an account with another name, another account has the
   * name, or one has a name that looks like it
   */
  adopt(userId: UserId, name: UserName): Promise<{ readonly account: Account; readonly created: boolean }>;
  /**
   * Puts `passwordHash` in the place of `replaces`. Safe to repeat. False, and nothing is changed, when the account has
   * neither hash or is not there.
   * @param replaces undefined: the account has no password until now
   */
  replacePassword(userId: UserId, replaces: string | undefined, passwordHash: string): Promise<boolean>;
  byId(userId: UserId): Promise<Account | undefined>;
  bySubject(subject: string): Promise<Account | undefined>;
  /**
   * Gives the account another name, and frees the one before. What was sent under that one stays as it is.
   * @throws {CimError} 3000: another account has the name, or one that looks like it; 9100: there is no such account
   */
  rename(userId: UserId, name: UserName): Promise<Account>;
  /** Case is ignored. */
  byName(name: string): Promise<Account | undefined>;
}

export const looksLike = (name: string, taken: string): CimError =>
  new CimError('invalid', `userName "${name}" looks like "${taken}", which is taken; choose another name`);

export const nameTaken = (name: string): CimError =>
  new CimError('invalid', `userName "${name}" is taken by another account`);

export const idTaken = (userId: UserId, holder: string): CimError =>
  new CimError('invalid', `userId ${userId} belongs to "${holder}" already`);
