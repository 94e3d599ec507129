import { CimError, type UserId } from '@cim/protocol';
import type { Account, Session } from '@cim/store';
import { sessionOf, sessionsCountFrom } from './credentials.ts';
import type { RequestLimits } from './limits/request-limits.ts';
import { passwordProblem, type Passwords } from './passwords.ts';
import type { RouteParts } from './route-parts.ts';

const GIVE_THE_OLD_ONE = 'give the password of the account too';

/**
 * Sets or changes the password of an account and ends its other sessions, so that holders of the old password
 * are logged out.
 */
export class ChangePassword {
  readonly #parts: Pick<RouteParts, 'config' | 'store' | 'messaging'>;
  readonly #passwords: Passwords;
  readonly #limits: RequestLimits;

  constructor(
    parts: Pick<RouteParts, 'config' | 'store' | 'messaging'>,
    passwords: Passwords,
    limits: RequestLimits,
  ) {
    this.#parts = parts;
    this.#passwords = passwords;
    this.#limits = limits;
  }

  /**
   * @param password undefined: the account has none yet, and gets its first one
   * @param secret secret of the caller's session, '' for none; that session goes on, all others end
   * @throws {CimError} 9100: no such account, a wrong password, or no session that may set the first one;
   * 3000: the new one is weak
   */
  async change(
    userId: UserId,
    password: string | undefined,
    newPassword: string,
    secret: string,
    ip: string,
  ): Promise<void> {
    const { store } = this.#parts;
    const problem = passwordProblem(newPassword);
    if (problem !== undefined) throw new CimError('invalid', `newPassword: ${problem}`);
    const account = await store.accounts.byId(userId);
    if (account !== undefined && account.passwordHash === undefined)
      await this.#requireMaySet(account, password, secret);
    else if (!(await this.#matches(userId, account, password, ip))) {
      // The answer of the request before was lost, and perhaps its end: the sessions that are open still end now.
      if (await this.#isDone(userId, account, password, newPassword, secret, ip))
        return this.#endOthers(userId, secret);
      if (password === undefined) throw new CimError('unknownAccount', GIVE_THE_OLD_ONE);
      throw new CimError('unknownAccount');
    }
    // Before the change too: if this process dies behind it, nobody is left with a session of the old password.
    await this.#endOthers(userId, secret);
    const changed = await store.accounts.replacePassword(
      userId,
      account?.passwordHash,
      await this.#passwords.hash(newPassword, this.#limits.addressOf(ip)),
    );
    // Another change, or a login that replaced the hash, came in between: the old password may be wrong now.
    if (!changed)
      throw new CimError('failure', 'the password was changed by another request just now; try again');
    // Whoever logged in with the old password meanwhile is out too.
    await this.#endOthers(userId, secret);
  }

  /** Each password that does not match counts as a login that failed. @throws {CimError} 6000: too many tries */
  async #matches(
    userId: UserId,
    account: Account | undefined,
    password: string | undefined,
    ip: string,
  ): Promise<boolean> {
    if (password === undefined) return false;
    const address = this.#limits.addressOf(ip);
    if (account === undefined) {
      await this.#passwords.matchNobody(password, address);
      return false;
    }
    await this.#limits.login(ip, userId);
    const matches = await this.#passwords.matches(password, account.passwordHash ?? '', address);
    if (!matches) void this.#limits.loginFailed(ip, userId);
    return matches;
  }

  /** Whether the account has the new password already: the request is repeated. It counts as one more try to log in. */
  async #isDone(
    userId: UserId,
    account: Account | undefined,
    password: string | undefined,
    newPassword: string,
    secret: string,
    ip: string,
  ): Promise<boolean> {
    // The first password of an account is set by a session, and so is a repetition.
    if (password === undefined && !(await this.#isOwn(userId, secret))) return false;
    return this.#matches(userId, account, newPassword, ip);
  }

  async #isOwn(userId: UserId, secret: string): Promise<boolean> {
    const { config, store } = this.#parts;
    const own = sessionOf(secret, await store.sessions.find(userId), sessionsCountFrom(config));
    return own !== undefined && own !== 'expired';
  }

  /** Only a logged-in user sets the first password of an account: a stranger could lock the user out. */
  async #requireMaySet(
    { userId, userName, subject }: Account,
    password: string | undefined,
    secret: string,
  ): Promise<void> {
    const { config } = this.#parts;
    const none = `the account ${userName} has no password`;
    if (password !== undefined) throw new CimError('unknownAccount', `${none} to change`);
    if (subject !== undefined || config.auth === 'jwt')
      throw new CimError('forbidden', `${none}: its user logs in with a token`);
    if (!(await this.#isOwn(userId, secret)))
      throw new CimError('unknownAccount', `${none}; show its session as "Authorization: Bearer" to set one`);
  }

  async #endOthers(userId: UserId, secret: string): Promise<void> {
    const { config, store, messaging } = this.#parts;
    const sessions = await store.sessions.find(userId);
    const own = sessionOf(secret, sessions, sessionsCountFrom(config));
    // With an unclaimed login the secrets of two sessions are valid, and it is open which of them was shown.
    const goesOn = own !== undefined && own !== 'expired' && own.secretHashes.length === 1;
    const ends = goesOn
      ? sessions.filter((session) => session !== own && opensSomething(session))
      : [undefined];
    for (const which of ends)
      for (const ended of await store.sessions.end(userId, which && { device: which.device }))
        messaging.calls.kick(userId, ended, 'logged-out');
  }
}

/** A lost connection ends a session, but its secret can open a new one. */
const opensSomething = ({ state, secretHashes }: Session): boolean =>
  state !== 'ended' || secretHashes.some((hash) => hash !== '');
