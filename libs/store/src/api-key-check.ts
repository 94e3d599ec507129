/** API keys of business systems: how they are made, and the check of a key that a request shows. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { randomText } from '@cim/runtime';
import type { ApiKey, ApiKeys } from './api-keys.ts';

const ID_BYTES = 9;
/** 256 bits: nobody can guess a key, so a fast hash protects it as well as a slow one. */
const SECRET_BYTES = 32;
const KEY = /^cim_([A-Za-z0-9_-]{12})_[A-Za-z0-9_-]{43}$/;
/** Shortest time between two notes of the use of a key [ms]. */
const NOTED_MS = 5 * 60_000;

/** Whether a credential has the form of an API key, valid or not. */
export const looksLikeApiKey = (credential: string): boolean => credential.startsWith('cim_');

/** The beginning of a key, by which people recognize it. It is not secret. */
export const prefixOf = ({ id }: Pick<ApiKey, 'id'>): string => `cim_${id}`;

/** Makes a new key, which is shown once, and the parts of it that are stored. */
export function newApiKey(): { readonly key: string; readonly id: string; readonly hash: string } {
  const id = randomText(ID_BYTES);
  const key = `${prefixOf({ id })}_${randomText(SECRET_BYTES)}`;
  return { key, id, hash: hashOf(key) };
}

/**
 * Checks API keys. It asks the store for each request, so a revoked key opens nothing from then on.
 */
export class ApiKeyCheck {
  readonly #keys: ApiKeys;
  readonly #now: () => number;
  readonly #onUnnoted: (error: unknown) => void;

  /** @param onUnnoted called when the use of a key could not be noted */
  constructor(keys: ApiKeys, onUnnoted: (error: unknown) => void, now: () => number = Date.now) {
    this.#keys = keys;
    this.#onUnnoted = onUnnoted;
    this.#now = now;
  }

  /** Finds a valid key. `unknown`: there is none, or it was revoked; `ended`: its time is over. */
  async check(key: string): Promise<ApiKey | 'unknown' | 'ended'> {
    const [, id] = KEY.exec(key) ?? [];
    const found = id === undefined ? undefined : await this.#keys.find(id);
    if (found === undefined || !timingSafeEqual(Buffer.from(hashOf(key)), Buffer.from(found.hash)))
      return 'unknown';
    const now = this.#now();
    if (now >= (found.expiresAt ?? Infinity)) return 'ended';
    if (now - (found.usedAt ?? 0) >= NOTED_MS) this.#keys.used(found.id, now).catch(this.#onUnnoted);
    return found;
  }
}

const hashOf = (key: string): string => createHash('sha256').update(key).digest('base64url');
