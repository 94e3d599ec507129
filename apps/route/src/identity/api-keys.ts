/** API keys of systems: how they are made, and what a key that a request shows allows. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { randomText } from '@cim/runtime';
import type { ApiKey, Store } from '@cim/store';
import { Expired, NotAuthorized } from './not-authorized.ts';

const ID_BYTES = 9;
/** 256 bits: nobody guesses one, so that a fast hash protects it as well as a slow one would. */
const SECRET_BYTES = 32;
const KEY = /^cim_([A-Za-z0-9_-]{12})_[A-Za-z0-9_-]{43}$/;
/** The use of a key is noted once in this time [ms]. */
const NOTED_MS = 5 * 60_000;

/** Whether a credential looks like an API key, right or wrong. */
export const looksLikeApiKey = (credential: string): boolean => credential.startsWith('cim_');

/** What people recognize a key by; it begins so, and it is no secret. */
export const prefixOf = ({ id }: Pick<ApiKey, 'id'>): string => `cim_${id}`;

/** A new key, to be shown once, and what is kept of it. */
export function newApiKey(): { readonly key: string; readonly id: string; readonly hash: string } {
  const id = randomText(ID_BYTES);
  const key = `${prefixOf({ id })}_${randomText(SECRET_BYTES)}`;
  return { key, id, hash: hashOf(key) };
}

/** Asks the store for each request: a key that was revoked opens nothing from then on. */
export class ApiKeyCheck {
  readonly #keys: Store['apiKeys'];
  readonly #now: () => number;
  readonly #onUnnoted: (error: unknown) => void;

  /** @param onUnnoted told when the use of a key could not be noted */
  constructor(keys: Store['apiKeys'], onUnnoted: (error: unknown) => void, now: () => number = Date.now) {
    this.#keys = keys;
    this.#onUnnoted = onUnnoted;
    this.#now = now;
  }

  /** @throws {CimError} 9100 or 9504, both 401: there is no such key, or it has ended */
  async check(key: string): Promise<ApiKey> {
    const [, id] = KEY.exec(key) ?? [];
    const found = id === undefined ? undefined : await this.#keys.find(id);
    if (found === undefined || !timingSafeEqual(Buffer.from(hashOf(key)), Buffer.from(found.hash)))
      throw new NotAuthorized('this API key opens nothing, or no longer');
    const now = this.#now();
    if (now >= (found.expiresAt ?? Infinity))
      throw new Expired('this API key has ended; use the one that replaces it');
    if (now - (found.usedAt ?? 0) >= NOTED_MS) this.#keys.used(found.id, now).catch(this.#onUnnoted);
    return found;
  }
}

const hashOf = (key: string): string => createHash('sha256').update(key).digest('base64url');
