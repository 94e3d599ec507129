/** Interprets the settings of CIM_AUTH=jwt. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { GroupId } from '@cim/protocol';
import { isLoopback, type Logger } from '@cim/runtime';
import type { JWTVerifyGetKey } from 'jose';
import type { TokenConfig } from '../config.ts';
import { Jwks } from './jwks.ts';

/** The rules by which tokens are checked. */
export interface TokenRules {
  readonly algorithms: readonly string[];
  readonly key: JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
  /** Key: the name of a group in tokens. The group may be open or by invitation. */
  readonly groups: ReadonlyMap<string, GroupId>;
}

const SECRET_BYTES = 32;
const RSA_BITS = 2_048;

/** Makes the rules. @throws {Error} one line: which setting is missing or wrong */
export function tokenRules(config: TokenConfig, logger: Logger): TokenRules {
  const { jwtKey, jwtJwksUrl, jwtAlgorithms, jwtIssuer, jwtAudience } = config;
  if ((jwtKey === '') === (jwtJwksUrl === ''))
    throw new Error('CIM_AUTH=jwt needs CIM_JWT_KEY or CIM_JWT_JWKS_URL, one of them');
  const { fits, key, what } = jwtKey === '' ? published(config, logger) : given(jwtKey);
  const wrong = jwtAlgorithms.filter((algorithm) => !fits.includes(algorithm));
  if (wrong.length > 0)
    throw new Error(`CIM_JWT_ALGORITHMS has ${wrong.join(', ')}; ${what} checks ${fits.join(', ')} only`);
  return {
    algorithms: jwtAlgorithms.length === 0 ? fits : jwtAlgorithms,
    key,
    issuer: jwtIssuer,
    audience: jwtAudience,
    groups: new Map(config.jwtGroups.map(([name, id]) => [name, id as GroupId])),
  };
}

interface Source {
  /** Algorithms that the key can check. */
  readonly fits: readonly string[];
  readonly key: JWTVerifyGetKey;
  readonly what: string;
}

function published({ jwtJwksUrl, jwtAudience }: TokenConfig, logger: Logger): Source {
  const url = URL.canParse(jwtJwksUrl) ? new URL(jwtJwksUrl) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!isSafe) throw new Error('CIM_JWT_JWKS_URL must be an https URL (http on loopback only)');
  if (jwtAudience === '')
    throw new Error(
      'CIM_JWT_AUDIENCE must be set with CIM_JWT_JWKS_URL: tokens that the issuer made for others would count here',
    );
  const { find } = new Jwks({ url: jwtJwksUrl, logger });
  // No algorithm with a secret, since a secret is never published.
  return { fits: ['RS256', 'ES256', 'EdDSA'], key: find, what: 'a published key' };
}

/** The key is a PEM with a public key, or else a secret. */
function given(text: string): Source {
  if (!text.includes('-----BEGIN')) {
    const secret = Buffer.from(text);
    if (secret.length < SECRET_BYTES)
      throw new Error(
        `CIM_JWT_KEY has ${secret.length} bytes; a secret has at least ${SECRET_BYTES} (openssl rand -base64 32 makes one)`,
      );
    return { fits: ['HS256'], key: () => Promise.resolve(secret), what: 'a secret' };
  }
  if (text.includes('PRIVATE KEY'))
    throw new Error('CIM_JWT_KEY is a private key, which only the signer of tokens has; give the public one');
  let key: KeyObject;
  try {
    // An environment file cannot hold line breaks, so `\n` stands for one.
    key = createPublicKey(text.replaceAll('\\n', '\n'));
  } catch (error) {
    throw new Error('CIM_JWT_KEY is no PEM of a public key', { cause: error });
  }
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  const source = (algorithm: string): Source => ({
    fits: [algorithm],
    key: () => Promise.resolve(key),
    what: 'the public key of CIM_JWT_KEY',
  });
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= RSA_BITS) return source('RS256');
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return source('ES256');
  if (key.asymmetricKeyType === 'ed25519') return source('EdDSA');
  throw new Error(`CIM_JWT_KEY must be an RSA key of ${RSA_BITS} bits or more, one on P-256, or Ed25519`);
}
