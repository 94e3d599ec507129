/** Limits of the clients' port, by address and by user. */
import { CimError, ofStream, type StreamRef, type UserId } from '@cim/protocol';
import {
  addressGroup,
  type InNetworks,
  type LimitName,
  type LimitValues,
  LIMITS,
  type Logger,
  type RateName,
  RareWarning,
  TokenBuckets,
} from '@cim/runtime';
import type { Suspensions } from '@cim/delivery';
import { addressSubject, type Limits, type Take, userSubject } from '@cim/store';

/** Longest wait for the store's answer [ms]. Without an answer the request is not limited. */
const ASK_MS = 500;
/** A charge: `limit` names the limit, `of` the subject of the budget. */
export type Charge = readonly [limit: RateName, of: string, cost?: number];

/** The error of an exceeded limit. It names the limit, which is a row of docs/operations.md. */
export const limitedError = (limit: LimitName, afterMs: number): CimError =>
  new CimError(
    'limited',
    `too many ${LIMITS[limit].what} (limit ${limit}); try again in ${Math.max(1, Math.ceil(afterMs / 1_000))} s`,
    { retryAfterMs: afterMs },
  );

/** The error of a suspended subject, with the time that is left. */
export const suspendedError = (leftMs: number): CimError =>
  new CimError('suspended', `suspended for ${Math.ceil(leftMs / 1_000)} s more; asking makes it longer`, {
    retryAfterMs: leftMs,
  });

export interface RequestLimitsParts {
  readonly limits: Limits;
  readonly values: LimitValues;
  /** Addresses without limits. */
  readonly allowed: InNetworks;
  readonly suspensions: Pick<Suspensions, 'ask' | 'offence'>;
  readonly logger: Logger;
  readonly askMs?: number;
}

/**
 * Charges requests. All buckets of a request are in one call of the store, so that all routes share them. A
 * request is never refused because the store does not answer: then a warning says that limits are not kept.
 */
export class RequestLimits {
  readonly #parts: RequestLimitsParts;
  readonly #requests: TokenBuckets;
  readonly #unknown: TokenBuckets;
  readonly #failed: RareWarning;

  constructor(parts: RequestLimitsParts) {
    this.#parts = parts;
    this.#requests = new TokenBuckets(parts.values.request);
    this.#unknown = new TokenBuckets(parts.values.unknown);
    this.#failed = new RareWarning(parts.logger, 'limits.not-kept');
  }

  /** The group that an address is counted in; undefined: it has no limit. */
  addressOf(ip: string): string | undefined {
    return this.#parts.allowed(ip) ? undefined : addressGroup(ip);
  }

  /** Checks every request before it is read. Undefined: it may go on. */
  refusal(ip: string): CimError | undefined {
    const address = this.addressOf(ip);
    if (address === undefined) return undefined;
    const subject = addressSubject(address);
    const suspendedMs = this.#parts.suspensions.ask(subject);
    if (suspendedMs > 0) return suspendedError(suspendedMs);
    const requestMs = this.#requests.take(address);
    const unknownMs = requestMs > 0 ? 0 : this.#unknown.take(address, 0);
    if (requestMs + unknownMs === 0) return undefined;
    const limit = requestMs > 0 ? 'request' : 'unknown';
    this.#parts.suspensions.offence(subject, LIMITS[limit].what);
    return limitedError(limit, requestMs + unknownMs);
  }

  /** Charges a request that named a user who does not exist. */
  namedNobody(ip: string): void {
    const address = this.addressOf(ip);
    if (address !== undefined) this.#unknown.take(address);
  }

  /** Charges a login before its password is checked. @throws {CimError} 6000 */
  login(ip: string, user: UserId): Promise<void> {
    const address = this.addressOf(ip);
    if (address === undefined) return Promise.resolve();
    return this.take(
      ['login', address],
      ['failedLogin', address, 0],
      ['failedLoginOfUser', `${address}/${user}`, 0],
    );
  }

  /** Charges a login with a wrong password, or of a missing user. Never throws. */
  async loginFailed(ip: string, user: UserId | undefined): Promise<void> {
    const address = this.addressOf(ip);
    if (address === undefined) return;
    const ofUser: Charge[] = user === undefined ? [] : [['failedLoginOfUser', `${address}/${user}`]];
    await this.take(['failedLogin', address], ...ofUser).catch(() => undefined);
  }

  /** Charges a registration. @throws {CimError} 6000 */
  register(ip: string): Promise<void> {
    const address = this.addressOf(ip);
    return address === undefined ? Promise.resolve() : this.take(['register', address]);
  }

  /**
   * Charges a send. @param keyed whether it has an idempotency key, which the store remembers @throws
   * {CimError} 6000
   */
  send(user: UserId, to: StreamRef, bytes: number, keyed: boolean): Promise<void> {
    const charges: Charge[] = [
      ['send', String(user)],
      ['bytes', String(user), bytes],
      ofStream<Charge>(
        to,
        (recipient) => ['sendTo', `${user}/${recipient}`],
        () => ['groupSend', String(user)],
      ),
    ];
    if (keyed) charges.push(['keyed', String(user)]);
    return this.take(...charges);
  }

  /** Charges the creating and joining of groups, and the adding of users. @throws {CimError} 6000 */
  join(user: UserId, users = 1): Promise<void> {
    return this.take(['join', String(user), users]);
  }

  /** @throws {CimError} 9500: the user is suspended */
  requireNotSuspended(user: UserId): void {
    const leftMs = this.#parts.suspensions.ask(userSubject(user));
    if (leftMs > 0) throw suspendedError(leftMs);
  }

  /** Takes from several budgets. @throws {CimError} 6000: one of them is spent, and none is charged */
  async take(...charges: readonly Charge[]): Promise<void> {
    const { limits, values, askMs = ASK_MS } = this.#parts;
    const takes: Take[] = [];
    const names: LimitName[] = [];
    for (const [limit, of, cost = 1] of charges) {
      const rate = values[limit];
      if (rate === undefined) continue;
      names.push(limit);
      takes.push({ limit, of, rate, cost });
    }
    if (takes.length === 0) return;
    const limited = await within(askMs, limits.take(takes)).catch((error: unknown) => {
      this.#failed.due({
        err: error,
        why: 'the store did not answer; limits are not kept, and nobody is refused',
      });
      return undefined;
    });
    if (limited === undefined) return;
    const limit = names[limited.index] ?? 'request';
    this.#offence(limit, takes[limited.index]?.of ?? '');
    throw limitedError(limit, limited.afterMs);
  }

  /** @param of subject of the bucket: a user, perhaps with a recipient; or an address, perhaps with a user */
  #offence(limit: LimitName, of: string): void {
    const { by, what } = LIMITS[limit];
    const user = /^(\d+)(\/\d+)?$/.exec(of)?.[1];
    const subject = by.startsWith('address')
      ? addressSubject(of.replace(/(?<!::)\/\d+$/, ''))
      : userSubject(Number(user) as UserId);
    this.#parts.suspensions.offence(subject, what);
  }
}

function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
