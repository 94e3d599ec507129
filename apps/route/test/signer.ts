/** A business system that signs tokens, for tests. */
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';

export const SECRET_KEY = 'a secret of the tests, 32 bytes+';

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA';

/** Claims of a token. Without `exp` it ends in an hour. */
export type TokenClaims = Readonly<Record<string, unknown>>;

export const seconds = (): number => Math.floor(Date.now() / 1_000);

export class Signer {
  readonly algorithm: Algorithm;
  readonly kid: string;
  /** The PEM of the public key, or the secret. */
  readonly publicText: string;
  /** The public key as it is published. */
  readonly jwk: JWK;
  readonly #key: KeyObject | Uint8Array;

  constructor(algorithm: Algorithm, kid = 'one') {
    this.algorithm = algorithm;
    this.kid = kid;
    if (algorithm === 'HS256') {
      this.#key = Buffer.from(SECRET_KEY);
      this.publicText = SECRET_KEY;
      this.jwk = { kty: 'oct', k: Buffer.from(SECRET_KEY).toString('base64url'), kid };
      return;
    }
    const pair =
      algorithm === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
        : algorithm === 'ES256'
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('ed25519');
    this.#key = pair.privateKey;
    this.publicText = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.jwk = { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), kid, alg: algorithm, use: 'sig' };
  }

  sign(claims: TokenClaims, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return new SignJWT({ exp: seconds() + 3_600, ...claims })
      .setProtectedHeader({ alg: this.algorithm, kid: this.kid, ...header })
      .sign(this.#key);
  }
}

const part = (json: string | object): string =>
  Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');

/**
 * A token made by hand, signed with HMAC by any text, or not at all. @param payload JSON text, which may be
 * malformed
 */
export function handMade(header: object, payload: string | object, secret?: string): string {
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${secret === undefined ? '' : createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
