import { CimError, type UserId } from '@cim/protocol';

/** What an API key may allow. `admin`: the admin API. */
export const SCOPES = ['send', 'read', 'groups', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Keys that there may be at once. */
export const API_KEYS_AT_MOST = 1_000;

/** The key of a system. Its secret is nowhere: only its hash is kept. */
export interface ApiKey {
  /** 12 of [A-Za-z0-9_-]; the key begins with `cim_<id>`. */
  readonly id: string;
  /** SHA-256 of the whole key, base64url. */
  readonly hash: string;
  /** What people call it. */
  readonly label: string;
  readonly scopes: readonly Scope[];
  /** The one user that it acts as; absent: any user. */
  readonly user?: UserId;
  /** ms since 1970, as all times here. */
  readonly createdAt: number;
  /** From then on it opens nothing. */
  readonly expiresAt?: number;
  /** When it was used last, noted now and then. */
  readonly usedAt?: number;
}

/** API keys of all routes. Every call is safe to repeat. All throw when the store does not answer. */
export interface ApiKeys {
  /** @throws {CimError} 6000: there are too many already */
  add(key: Omit<ApiKey, 'usedAt'>): Promise<void>;
  find(id: string): Promise<ApiKey | undefined>;
  /** The oldest first. */
  list(): Promise<readonly ApiKey[]>;
  /** Ends the key at that time, if it does not end sooner. False: there is no such key. */
  expire(id: string, at: number): Promise<boolean>;
  /** False: there was no such key. */
  remove(id: string): Promise<boolean>;
  /** Notes when it was used. A key that is gone stays gone. */
  used(id: string, at: number): Promise<void>;
}

export const tooManyKeys = (): CimError =>
  new CimError('limited', `there are ${API_KEYS_AT_MOST} API keys; revoke those that nobody uses`);

export const oldestFirst = (keys: readonly ApiKey[]): readonly ApiKey[] =>
  [...keys].sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1));
