import { CimError, type UserId } from '@cim/protocol';

/** The rights that an API key may have. `admin`: the admin API. */
export const SCOPES = ['send', 'read', 'groups', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Most keys at once. */
export const API_KEYS_AT_MOST = 1_000;

/** The API key of a business system. Its secret is stored nowhere, only a hash of it. */
export interface ApiKey {
  /** 12 of [A-Za-z0-9_-]. The key begins with `cim_<id>`. */
  readonly id: string;
  /** SHA-256 of the whole key, base64url. */
  readonly hash: string;
  /** A name for people. */
  readonly label: string;
  readonly scopes: readonly Scope[];
  /** The one user that the key acts as. Absent: any user. */
  readonly user?: UserId;
  /** When it was made [ms since 1970, as all times here]. */
  readonly createdAt: number;
  /** From this time on it opens nothing. */
  readonly expiresAt?: number;
  /** When it was last used, noted now and then. */
  readonly usedAt?: number;
}

/** The API keys of all routes. Every call is safe to repeat. All calls throw when the store does not answer. */
export interface ApiKeys {
  /** Adds a key. @throws {CimError} 6000: there are too many already */
  add(key: Omit<ApiKey, 'usedAt'>): Promise<void>;
  find(id: string): Promise<ApiKey | undefined>;
  /** All keys, the oldest first. */
  list(): Promise<readonly ApiKey[]>;
  /** Makes the key end at that time, unless it ends sooner. False: there is no such key. */
  expire(id: string, at: number): Promise<boolean>;
  /** Removes the key. False: there was no such key. */
  remove(id: string): Promise<boolean>;
  /** Notes when the key was used. A removed key stays removed. */
  used(id: string, at: number): Promise<void>;
}

export const tooManyKeys = (): CimError =>
  new CimError('limited', `there are ${API_KEYS_AT_MOST} API keys; revoke those that nobody uses`);

export const oldestFirst = (keys: readonly ApiKey[]): readonly ApiKey[] =>
  [...keys].sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1));
