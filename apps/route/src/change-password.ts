import { CimError, type UserId } from '@cim/protocol';
import type { Session } from '@cim/store';
import { sessionOf, sessionsCountFrom } from './credentials.ts';
import type { RequestLimits } from './limits/request-limits.ts';
import { passwordProblem, type Passwords } from './passwords.ts';
import type { RouteParts } from './route-parts.ts';

/** Changes the password of an account and ends its other sessions: whoever had the old password is out. */
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
   * @param secret of the caller's session, '' for none; that session goes on, every other one ends
   * @throws {CimError} 9100: no such account, no password to change, or not this password; 3000: a weak new one
   */
  async change(
    userId: UserId,
    password: string,
    newPassword: string,
    secret: string,
    ip: string,
  ): Promise<void> {
    const { store } = this.#parts;
    const problem = passwordProblem(newPassword);
    if (problem !== undefined) throw new CimError('invalid', `newPassword: ${problem}`);
    const account = await store.accounts.byId(userId);
    if (account === undefined) {
      await this.#passwords.matchNobody(password);
      throw new CimError('unknownAccount');
    }
    const { passwordHash } = account;
    if (passwordHash === undefined)
      throw new CimError('unknownAccount', `the account ${account.userName} has no password to change`);
    await this.#limits.login(ip, userId);
    const address = this.#limits.addressOf(ip);
    if (!(await this.#passwords.matches(password, passwordHash, address))) {
      void this.#limits.loginFailed(ip, userId);
      throw new CimError('unknownAccount');
    }
    const changed = await store.accounts.replacePassword(
      userId,
      passwordHash,
      await this.#passwords.hash(newPassword, address),
    );
    // Another change, or a login that made the hash anew, came between: the old password may be wrong now.
    if (!changed)
      throw new CimError('failure', 'the password was changed by another request just now; try again');
    await this.#endOthers(userId, secret);
  }

  async #endOthers(userId: UserId, secret: string): Promise<void> {
    const { config, store, messaging } = this.#parts;
    const sessions = await store.sessions.find(userId);
    const own = sessionOf(secret, sessions, sessionsCountFrom(config));
    // A login that is not claimed yet stands beside the live session that it will replace: which of them is shown is open.
    const goesOn = own !== undefined && own !== 'expired' && own.secretHashes.length === 1;
    const ends = goesOn
      ? sessions.filter((session) => session !== own && opensSomething(session))
      : [undefined];
    for (const which of ends)
      for (const ended of await store.sessions.end(userId, which && { device: which.device }))
        messaging.calls.kick(userId, ended, 'logged-out');
  }
}

/** A lost connection ends a session, but its secret opens a new one. */
const opensSomething = ({ state, secretHashes }: Session): boolean =>
  state !== 'ended' || secretHashes.some((hash) => hash !== '');
