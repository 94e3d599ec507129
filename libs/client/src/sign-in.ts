import { CimError, CODES, type NamedUser } from '@cim/protocol';
import type { Logger } from './logger.ts';
import type { CimClientOptions } from './client-options.ts';
import type { Place, Proof, RouteApi } from './route-api.ts';

/** The user who logs in, and the name of this device. */
export interface Account {
  readonly userName: string;
  readonly password: string | undefined;
  readonly token: CimClientOptions['token'];
  readonly label: string;
}

/** Longest label that a route accepts. */
const LABEL_CHARACTERS = 64;

/**
 * The user's account and session at the route: name, password or token, and the secrets that open the next
 * session.
 */
export class SignIn {
  readonly #route: RouteApi;
  readonly #account: Account;
  #password: string | undefined;
  readonly #logger: Logger;
  /** Session secrets, newest first. An older one is valid until the newer one is claimed. */
  #secrets: string[] = [];

  constructor(route: RouteApi, account: Account, logger: Logger) {
    this.#route = route;
    this.#account = account;
    this.#password = account.password;
    this.#logger = logger;
  }

  /** The newest secret, for the saved state; '' when there is none. */
  get secret(): string {
    return this.#secrets[0] ?? '';
  }

  /** Sets the only valid secret: that of a saved session, or one that was claimed; '' for none. */
  set secret(secret: string) {
    this.#secrets = secret === '' ? [] : [secret];
  }

  /** Sets the changed password for later logins. */
  set password(password: string) {
    this.#password = password;
  }

  /** @throws {CimError} */
  async register(): Promise<NamedUser> {
    try {
      return await this.#route.register(this.#account.userName, await this.#proof());
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * Logs in. It tries the session secret first: such a login is never refused as a second one.
   * @throws {CimError}
   */
  async logIn(me: NamedUser, device: string): Promise<Place> {
    const login = { ...me, device, label: this.#account.label.slice(0, LABEL_CHARACTERS) };
    for (const session of this.#secrets) {
      try {
        return this.#placed(await this.#route.login({ ...login, session }));
      } catch (error) {
        if (!(error instanceof CimError) || error.retryable) throw error;
        this.#logger.debug({ code: error.code }, 'client.session-secret-refused');
      }
    }
    try {
      return this.#placed(await this.#route.login({ ...login, ...(await this.#proof()) }));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Ends the session at the route, and forgets it. Never rejects. */
  async logOut(me: NamedUser): Promise<void> {
    try {
      await this.#route.offLine(me.userId, this.secret);
      this.#secrets = [];
    } catch (error) {
      this.#logger.info({ err: error }, 'client.logout-failed');
    }
  }

  /** The proof of identity. @throws {CimError} 4000: no token is available now */
  async #proof(): Promise<Proof> {
    const { token } = this.#account;
    if (token === undefined) return this.#password === undefined ? {} : { password: this.#password };
    if (typeof token === 'string') return { token };
    try {
      return { token: await token() };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CimError('failure', `no token could be had: ${why.split('\n', 1)[0] ?? ''}`, {
        cause: error,
      });
    }
  }

  #placed(place: Place): Place {
    this.#secrets = [place.session, ...this.#secrets.slice(0, 1)];
    return place;
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof CimError)) return error;
    const name = this.#account.userName;
    if (error.code === CODES.repeatLogin.code)
      return new CimError(
        'repeatLogin',
        `"${name}" is logged in already; log out there first, or try again in 30 s`,
      );
    if (error.code === CODES.unknownAccount.code && this.#account.token === undefined)
      return new CimError(
        'unknownAccount',
        `the name "${name}" is taken by an account with another password`,
      );
    return error;
  }
}
