/** Session secrets, and the rules for acting for an account. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isUserId, type UserId } from '@cim/protocol';
import { type Auth, randomText } from '@cim/runtime';
import type { Account, Session } from '@cim/store';
import type { FastifyRequest } from 'fastify';
import type { RouteConfig } from './config.ts';

/** A session secret is the user id and random bytes after it. */
const ID_BYTES = 8;
const RANDOM_BYTES = 24;

/**
 * Makes the secret of a new session, 43 characters. It contains the id of its user, so that `/v1` needs
 * nothing but the secret.
 */
export function newSecret(user: UserId): string {
  const id = Buffer.alloc(ID_BYTES);
  id.writeBigUInt64BE(BigInt(user));
  return Buffer.concat([id, Buffer.from(randomText(RANDOM_BYTES), 'base64url')]).toString('base64url');
}

/** The user of a secret. Undefined for a secret of an older version, which contains no id. */
export function userOfSecret(secret: string): UserId | undefined {
  const bytes = Buffer.from(secret, 'base64url');
  if (bytes.length !== ID_BYTES + RANDOM_BYTES) return undefined;
  const id = Number(bytes.readBigUInt64BE());
  return isUserId(id) ? id : undefined;
}

export const secretHash = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

const DAY_MS = 24 * 3_600_000;

/** A session secret whose life began before this time opens nothing [ms since 1970]. */
export const sessionsCountFrom = ({ sessionDays }: Pick<RouteConfig, 'sessionDays'>): number =>
  Date.now() - sessionDays * DAY_MS;

/**
 * Finds the session that a secret belongs to: a valid login, the live one or a newer one. `expired`: the life
 * of the secret is over.
 * @param countsFrom as `sessionsCountFrom` answers
 */
export function sessionOf(
  secret: string,
  sessions: readonly Session[],
  countsFrom: number,
): Session | 'expired' | undefined {
  if (secret === '') return undefined;
  const given = Buffer.from(secretHash(secret));
  for (const session of sessions) {
    const at = session.secretHashes.findIndex((hash) => {
      // '' never matches, since its length differs.
      const expected = Buffer.from(hash);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
    if (at < 0) continue;
    const began = at === 0 ? session.createdAt : session.olderCreatedAt;
    return began < countsFrom ? 'expired' : session;
  }
  return undefined;
}

/**
 * The credential that a request shows, '' for none: a session secret, a token, an API key or the admin token.
 */
export const bearerOf = (request: FastifyRequest): string =>
  /^Bearer (.{1,8192})$/.exec(request.headers.authorization ?? '')?.[1] ?? '';

/** CIM's trust: where the operator allows it, anybody may act for an account without a password and a token. */
export const isFree = (auth: Auth, { passwordHash, subject }: Account): boolean =>
  auth === 'open' && passwordHash === undefined && subject === undefined;

/** In one line, why an account may not log in or act on this server; undefined when it may. */
export function actProblem(auth: Auth, account: Account | undefined): string | undefined {
  if (auth === 'password' && account?.passwordHash === undefined)
    return 'accounts without a password may not act on this server';
  if (auth === 'jwt' && account?.subject === undefined)
    return 'this server takes users who log in with a token only (CIM_AUTH=jwt)';
  return undefined;
}
