/** The keys that a token issuer publishes (RFC 7517), fetched over HTTP and cached. */
import { CimError } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

/** Age after which keys are fetched again [ms]. The old ones stay valid meanwhile. */
const FRESH_MS = 10 * 60_000;
/** While the issuer does not answer, its last keys are valid for this long [ms]. */
const STALE_MS = 24 * 3_600_000;
/** Shortest time between two fetches [ms], so that tokens with unknown key ids cannot cause many. */
const COOL_DOWN_MS = 30_000;
/** Shortest time after a failed fetch [ms]. */
const FAILED_MS = 5_000;
const MAX_BYTES = 256 * 1024;

export interface JwksOptions {
  readonly url: string;
  readonly logger: Logger;
  /** A fetch that takes longer has failed [ms]. */
  readonly timeoutMs?: number;
  /** The time of a monotonic clock [ms]. */
  readonly now?: () => number;
}

export class Jwks {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #timeoutMs: number;
  readonly #now: () => number;
  #keys: { readonly find: JWTVerifyGetKey; readonly at: number } | undefined;
  /** Earliest time of the next fetch. */
  #nextFetch = -Infinity;
  #fetching: Promise<boolean> | undefined;

  constructor({ url, logger, timeoutMs = 5_000, now = () => performance.now() }: JwksOptions) {
    this.#url = url;
    this.#logger = logger;
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  /**
   * Finds the key that a token names. @throws {CimError} 4000: there are no keys now; a jose error: none of
   * them fits
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const age = this.#now() - (this.#keys?.at ?? -Infinity);
    if (age >= STALE_MS) await this.#refresh();
    else if (age >= FRESH_MS) void this.#refresh();
    try {
      return await this.#current()(header, token);
    } catch (error) {
      // The issuer may have published a new key.
      if (!(error instanceof errors.JWKSNoMatchingKey) || !(await this.#refresh())) throw error;
      return this.#current()(header, token);
    }
  };

  #current(): JWTVerifyGetKey {
    const keys = this.#keys;
    if (keys === undefined || this.#now() - keys.at >= STALE_MS)
      throw new CimError('failure', 'the keys that tokens are checked by cannot be fetched now; try again', {
        retryAfterMs: FAILED_MS,
      });
    return keys.find;
  }

  /** Fetches keys, one fetch at a time. Answers whether there are newer keys than before. */
  #refresh(): Promise<boolean> {
    if (this.#fetching !== undefined) return this.#fetching;
    if (this.#now() < this.#nextFetch) return Promise.resolve(false);
    this.#fetching = this.#fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetch(): Promise<boolean> {
    try {
      const find = createLocalJWKSet(await this.#published());
      this.#keys = { find, at: this.#now() };
      this.#nextFetch = this.#now() + COOL_DOWN_MS;
      return true;
    } catch (error) {
      this.#nextFetch = this.#now() + FAILED_MS;
      this.#logger.warn({ err: error, url: this.#url, keys: this.#keys !== undefined }, 'jwks.not-fetched');
      return false;
    }
  }

  async #published(): Promise<JSONWebKeySet> {
    const answer = await fetch(this.#url, {
      headers: { accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    if (answer.status !== 200 || answer.body === null) throw new Error(`answered HTTP ${answer.status}`);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes > MAX_BYTES) throw new Error(`answered more than ${MAX_BYTES} bytes`);
      pieces.push(piece);
    }
    const { keys } = JSON.parse(Buffer.concat(pieces).toString('utf8')) as JSONWebKeySet;
    // A published secret is not secret, so it is not accepted.
    return { keys: keys.filter(({ kty }) => kty !== 'oct') };
  }
}
