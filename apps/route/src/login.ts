import type { Member } from '@cim/discovery';
import {
  ANY_INSTANCE,
  CIM_DEVICE,
  CimError,
  CODES,
  DEFAULT_DEVICE,
  type DeviceId,
  foldName,
  type InstanceId,
  isDeviceId,
  parseUserName,
  type UserId,
} from '@cim/protocol';
import { ClusterSecret, RareWarning, TokenBucket } from '@cim/runtime';
import { type Account, type IssueAnswer, type LoginProof, makeTicket, type Sessions } from '@cim/store';
import { actProblem, isFree, newSecret, secretHash, sessionOf, sessionsCountFrom } from './credentials.ts';
import type { TokenAccounts } from './identity/token-accounts.ts';
import type { RequestLimits } from './limits/request-limits.ts';
import { beginLobby } from './lobby-begin.ts';
import { newNameProblem } from './new-name.ts';
import { passwordProblem, type Passwords } from './passwords.ts';
import type { Reachability } from './reachable.ts';
import type { RouteParts } from './route-parts.ts';
import type { LoginBody } from './schemas.ts';

export interface Placed {
  readonly ip: string;
  readonly cimServerPort: number;
  readonly httpPort: number;
  /** For our own wire only: CIM's reader refuses unknown fields. */
  readonly ticket?: string;
  readonly session?: string;
  readonly epoch?: number;
  /** The shared address of all im-servers, if there is one. */
  readonly url?: string;
  /** Set when the im-server accepts TLS, so that the client uses it. */
  readonly tls?: true;
}

/** The shared address of all im-servers in the answer of a login. */
type SharedAddress = { readonly url: string } & Partial<Pick<Placed, 'ip' | 'cimServerPort' | 'tls'>>;

/**
 * Parses the shared address. If it speaks frames, the host and port are given too, for clients that read no
 * URL.
 */
function sharedAddressOf(url: string): SharedAddress {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'tcp:' && protocol !== 'tls:') return { url };
  const at = { ip: hostname.replace(/^\[(.*)\]$/, '$1'), cimServerPort: Number(port) };
  return { url, ...at, ...(protocol === 'tls:' && { tls: true }) };
}

const GIVE_A_PASSWORD = 'give the password of the account';

/** Longest label of a device [characters]. */
const LABEL_CHARACTERS = 64;

/** Retry-After for strangers while files or memory are scarce [ms]. */
const SCARCE_AFTER_MS = 5_000;

/** Most checks of one login, when changes of its password or session come in between. */
const CHECKS = 3;

export class Login {
  readonly #parts: RouteParts;
  readonly #passwords: Passwords;
  readonly #reachability: Reachability;
  readonly #limits: RequestLimits;
  readonly #tokens: TokenAccounts | undefined;
  readonly #registerRate: TokenBucket;
  readonly #loginRate: TokenBucket;
  readonly #secret: ClusterSecret;
  /** Logged at most once a second, since anybody may try to log in. */
  readonly #refused: RareWarning;
  /**
   * From CIM_ADVERTISE_URL. Only for our own wire: CIM's clients know no URLs, and their TCP login has no
   * ticket.
   */
  readonly #shared: SharedAddress | undefined;

  /** @param tokens undefined: this server accepts no tokens */
  constructor(
    parts: RouteParts,
    passwords: Passwords,
    reachability: Reachability,
    limits: RequestLimits,
    tokens: TokenAccounts | undefined,
  ) {
    this.#tokens = tokens;
    this.#parts = parts;
    this.#passwords = passwords;
    this.#reachability = reachability;
    this.#limits = limits;
    const { loginRate } = parts.config;
    const rate = { tokens: loginRate, intervalMs: 1_000, burst: loginRate };
    this.#registerRate = new TokenBucket(rate);
    this.#loginRate = new TokenBucket(rate);
    this.#refused = new RareWarning(parts.logger, 'login.refused', 1_000);
    this.#secret = ClusterSecret.of(parts.config.clusterSecret);
    const { advertiseUrl } = parts.config;
    this.#shared = advertiseUrl === '' ? undefined : sharedAddressOf(advertiseUrl);
  }

  /** Admits a request without a session. @throws {CimError} 6000: too little is left for strangers */
  #admitStranger(): void {
    if (this.#parts.supplies.supply !== 'scarce') return;
    throw new CimError(
      'limited',
      `the server runs low on connections, files or memory: users who are logged in come first; try again in ${SCARCE_AFTER_MS / 1_000} s`,
      { retryAfterMs: SCARCE_AFTER_MS },
    );
  }

  /**
   * Registers. An existing name answers its account to a caller who knows its password. A token answers the
   * account of its user.
   */
  async register(
    userName: unknown,
    password: string | undefined,
    ip: string,
    token?: string,
  ): Promise<{ readonly account: Account; readonly created: boolean }> {
    const { config, store, logger } = this.#parts;
    requireToken(this.#registerRate, 'registrations');
    await this.#limits.register(ip);
    if (token !== undefined) return this.#withToken(ip, (tokens) => tokens.account(token));
    if (config.auth === 'jwt')
      throw new CimError(
        'forbidden',
        'an account appears with the first token of its user here (CIM_AUTH=jwt)',
      );
    const parsed = parseUserName(userName);
    if (!parsed.ok) throw new CimError('invalid', parsed.problem);
    const existing = await store.accounts.byName(parsed.name);
    // The owner of an account may have a session: a client that restarts asks here for its id first.
    if (existing === undefined) this.#admitStranger();
    if (existing === undefined && config.auth === 'password' && password === undefined)
      throw new CimError('invalid', 'password is missing: this server takes accounts with a password only');
    const nameProblem = existing === undefined ? newNameProblem(parsed.name) : undefined;
    if (nameProblem !== undefined) throw new CimError('invalid', nameProblem);
    // An existing account may have a shorter password, from an older version.
    const problem = existing !== undefined || password === undefined ? undefined : passwordProblem(password);
    if (problem !== undefined) throw new CimError('invalid', `password: ${problem}`);
    const { account, created } =
      existing === undefined
        ? await store.accounts.register(
            parsed.name,
            password === undefined
              ? undefined
              : await this.#passwords.hash(password, this.#limits.addressOf(ip)),
          )
        : { account: existing, created: false };
    if (!created) {
      // Otherwise the caller would believe that the account is protected, though anybody may use it.
      if (password !== undefined && account.passwordHash === undefined)
        throw new CimError(
          'unknownAccount',
          `the account ${account.userName} exists and has no password; use it without one, or take another name`,
        );
      await this.#checkPassword(account, password, ip);
    } else await beginLobby(store, account.userId, logger);
    return { account, created };
  }

  /** Logs in. @param reqId id of the request, for the log */
  async login(body: LoginBody, ip: string, reqId: string): Promise<Placed> {
    const { userId, device, wire } = body;
    const line = { userId, device: device ?? undefined, wire: wire ?? undefined, from: ip, reqId };
    try {
      const placed = await this.#logIn(body, ip);
      this.#parts.logger.info(line, 'login.placed');
      return placed;
    } catch (error) {
      if (error instanceof CimError) this.#refused.due({ ...line, code: error.code });
      throw error;
    }
  }

  async #logIn(body: LoginBody, ip: string): Promise<Placed> {
    if ((body.session ?? '') === '') this.#admitStranger();
    requireToken(this.#loginRate, 'logins');
    await this.#limits.login(ip, body.userId as UserId);
    for (let i = 0; i < CHECKS; i++) {
      const placed = await this.#checkAndPlace(body, ip);
      if (placed !== undefined) return placed;
    }
    throw new CimError('failure', 'the password or the session was changed just now; try again');
  }

  /**
   * Refuses a login for a missing account. The answer and its time are those of a wrong password.
   * @throws {CimError} 9100
   */
  async refuseUnknown(password: string | undefined, ip: string): Promise<never> {
    // The same check as for an existing account, so that the answer does not reveal which accounts exist.
    this.#admitStranger();
    void this.#limits.loginFailed(ip, undefined);
    if (password !== undefined) await this.#passwords.matchNobody(password, this.#limits.addressOf(ip));
    else if (this.#parts.config.auth === 'password') throw new CimError('unknownAccount', GIVE_A_PASSWORD);
    throw new CimError('unknownAccount');
  }

  /** The account of a token, for `POST /v1/sessions`, which has only the token. */
  async accountOf(token: string, ip: string): Promise<Account> {
    return (await this.#withToken(ip, (tokens) => tokens.account(token))).account;
  }

  /** Runs `work` with the accounts of tokens. @throws {CimError} 3000: this server accepts no tokens */
  async #withToken<T>(ip: string, work: (tokens: TokenAccounts) => Promise<T>): Promise<T> {
    if (this.#tokens === undefined)
      throw new CimError('invalid', 'this server takes no tokens (CIM_AUTH is not jwt)');
    try {
      return await work(this.#tokens);
    } catch (error) {
      if (error instanceof CimError && error.code === CODES.unknownAccount.code)
        void this.#limits.loginFailed(ip, undefined);
      throw error;
    }
  }

  /**
   * Undefined when the password was changed, or the session ended, after it was checked. The caller checks
   * again.
   */
  async #checkAndPlace(body: LoginBody, ip: string): Promise<Placed | undefined> {
    const { store, config } = this.#parts;
    const password = body.password ?? undefined;
    const token = body.token ?? undefined;
    const account =
      token === undefined
        ? await store.accounts.byId(body.userId as UserId)
        : await this.#withToken(ip, (tokens) => tokens.logIn(token));
    if (token !== undefined && account?.userId !== body.userId)
      throw new CimError('unknownAccount', 'the token is that of another user');
    if (
      account === undefined ||
      (token === undefined && foldName(account.userName) !== foldName(body.userName))
    )
      return this.refuseUnknown(password, ip);
    const problem = actProblem(config.auth, account);
    if (problem !== undefined) throw new CimError('unknownAccount', problem);
    const place = body.wire === 2 ? deviceOf(body) : { device: CIM_DEVICE, label: '' };
    const shown = await this.#shownSession(account.userId, place.device, body.session ?? '');
    const isProtected = !isFree(config.auth, account);
    if (shown === 'expired' && isProtected && token === undefined && password === undefined)
      throw new CimError('expired');
    const hasShown = shown !== undefined && shown !== 'expired';
    if (!hasShown) this.#admitStranger();
    if (!hasShown && token === undefined && account.subject !== undefined)
      throw new CimError('unknownAccount', `the account ${account.userName} logs in with a token`);
    const proof = hasShown
      ? shown
      : ({
          policy: config.sessionPolicy,
          passwordHash: await this.#checkPassword(account, password, ip),
        } as const);
    // Checked after the proof of identity: otherwise a stranger could ask in the name of the user and
    // lengthen the suspension.
    this.#limits.requireNotSuspended(account.userId);
    // CIM's TCP login shows only a name, so anybody who knows the name could take this session.
    if (isProtected && body.wire !== 2)
      throw new CimError(
        'unknownAccount',
        `the account ${account.userName} has a password or a token, which CIM's TCP login cannot show; log in with "wire": 2`,
      );

    // Placement comes first, so that a login that cannot be placed stores nothing.
    const member = await this.#place(account.userId, body.wire === 2);
    const shared = body.wire === 2 ? this.#shared : undefined;
    // Behind a shared address it is not known which im-server the client will reach. That one claims the
    // session.
    const instance = shared === undefined ? member.instance : ANY_INSTANCE;
    const session = body.wire === 2 ? newSecret(account.userId) : '';
    const answer = await this.#issue({
      user: { userId: account.userId, userName: account.userName },
      ...place,
      maxDevices: config.maxDevices,
      instance,
      ...proof,
      secretHash: session === '' ? '' : secretHash(session),
    });
    if (answer.outcome === 'stale') return undefined;
    if (answer.outcome === 'repeat') throw new CimError('repeatLogin');
    if (answer.outcome === 'too-many') throw new CimError('tooManyDevices');
    const at = { ip: member.host, cimServerPort: member.tcpPort, httpPort: member.httpPort };
    if (body.wire !== 2) return at;
    const { epoch } = answer;
    const ticket = makeTicket(this.#secret.key('ticket'), { userId: account.userId, epoch, instance });
    // Whether a shared address speaks TLS is decided by that address.
    const tls = shared === undefined && member.tls !== undefined;
    return { ...at, ...shared, ticket, session, epoch, ...(tls && { tls }) };
  }

  /**
   * The session whose secret was shown; the secret replaces the password. Where each device has a session, it
   * must belong to the same device.
   */
  async #shownSession(
    user: UserId,
    device: DeviceId,
    secret: string,
  ): Promise<LoginProof | 'expired' | undefined> {
    const { store, config } = this.#parts;
    if (secret === '') return undefined;
    const shown = sessionOf(secret, await store.sessions.find(user), sessionsCountFrom(config));
    if (shown === undefined || shown === 'expired') return shown;
    const one = config.sessionPolicy === 'devices' ? 'device' : 'user';
    if (one === 'device' && shown.device !== device) return undefined;
    return { policy: 'replace', one, shownHash: secretHash(secret) };
  }

  /**
   * Ends sessions and closes their channels. A session secret ends nothing newer than its session. CIM's bare
   * `/offLine` ends all sessions of all devices.
   */
  async logOut(userId: UserId, which: Parameters<Sessions['end']>[1]): Promise<void> {
    const { store, messaging, logger } = this.#parts;
    for (const ended of await store.sessions.end(userId, which)) {
      logger.info({ userId, device: ended.device, epoch: ended.epoch }, 'session.logged-out');
      messaging.calls.kick(userId, ended, 'logged-out');
    }
  }

  /**
   * Issues a session. An earlier session that its im-server does not know (the store has lost its end) blocks
   * nobody.
   */
  async #issue(request: Parameters<Sessions['issue']>[0]): Promise<IssueAnswer> {
    const { store, messaging, logger } = this.#parts;
    const answer = await store.sessions.issue(request);
    if (answer.outcome !== 'repeat' || answer.live.length === 0) return answer;
    const { userId } = request.user;
    for (const { device, instance, epoch } of answer.live) {
      const holds = await new Promise<string>((resolve) =>
        messaging.calls.holds(userId, device, instance, resolve),
      );
      if (holds !== 'no') return answer;
      logger.info({ userId, device, epoch, instance }, 'session.not-there');
      await store.sessions.release({ userId, device }, epoch, instance);
    }
    return store.sessions.issue(request);
  }

  /**
   * Checks the password. Answers the present hash of the account, as far as it is known; undefined when it
   * has no password.
   */
  async #checkPassword(
    account: Account,
    password: string | undefined,
    ip: string,
  ): Promise<string | undefined> {
    if (account.passwordHash === undefined) return undefined;
    if (password === undefined)
      throw new CimError(
        'unknownAccount',
        // Where names are not public, the answer does not reveal whether the account exists.
        this.#parts.config.auth === 'open'
          ? `the account ${account.userName} has a password; give it`
          : GIVE_A_PASSWORD,
      );
    const address = this.#limits.addressOf(ip);
    if (!(await this.#passwords.matches(password, account.passwordHash, address))) {
      void this.#limits.loginFailed(ip, account.userId);
      throw new CimError('unknownAccount');
    }
    return this.#passwords.isCurrent(account.passwordHash)
      ? account.passwordHash
      : this.#renewHash(account.userId, account.passwordHash, password);
  }

  /**
   * Replaces a hash of an older version while its password is known. A failure does no harm: the next login
   * tries again.
   */
  async #renewHash(userId: UserId, stored: string, password: string): Promise<string> {
    const { store, logger } = this.#parts;
    try {
      const renewed = await this.#passwords.hash(password);
      if (await store.accounts.replacePassword(userId, stored, renewed)) return renewed;
    } catch (error) {
      logger.warn({ err: error, userId }, 'password.hash-not-renewed');
    }
    return stored;
  }

  /** Chooses an im-server. @param speaksTls false for CIM's clients */
  async #place(user: UserId, speaksTls: boolean): Promise<Member & { readonly instance: InstanceId }> {
    const { membership, placement } = this.#parts;
    const all = membership
      .members()
      .filter((m): m is Member & { instance: InstanceId } => m.instance !== undefined);
    const choosable = speaksTls ? all : all.filter(({ tls }) => tls !== 'only');
    if (choosable.length < all.length && choosable.length === 0)
      throw new CimError(
        'noServer',
        "CIM's clients speak plain text, which no im-server here takes; use a client that speaks TLS, or set CIM_INSECURE=true on an im-server",
      );
    for (const member of placement.order(choosable, user))
      if (await this.#reachability.of(member)) return member as Member & { readonly instance: InstanceId };
    throw new CimError('noServer', CODES.noServer.message);
  }
}

/** Takes from the total rate of this route. @throws {CimError} 6000 */
function requireToken(bucket: TokenBucket, what: string): void {
  const afterMs = bucket.take(1, performance.now());
  if (afterMs === 0) return;
  throw new CimError('limited', `too many ${what} at once, try again in 1 s`, { retryAfterMs: afterMs });
}

/**
 * The device and its label. @throws {CimError} 3000: the device is not valid for our wire, or the label
 * cannot be shown
 */
function deviceOf(body: Pick<LoginBody, 'device' | 'label'>): { device: DeviceId; label: string } {
  const device = body.device ?? DEFAULT_DEVICE;
  if (!isDeviceId(device) || device === CIM_DEVICE)
    throw new CimError('invalid', 'device must be 16 to 64 of A-Z, a-z, 0-9, "_" and "-"');
  const label = body.label ?? '';
  if ([...label].length > LABEL_CHARACTERS || /\p{C}/u.test(label))
    throw new CimError('invalid', `label must be at most ${LABEL_CHARACTERS} characters that can be shown`);
  return { device, label };
}
