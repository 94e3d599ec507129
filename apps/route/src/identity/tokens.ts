/** Tokens that a business system signs (JWT, RFC 7519): whether one counts, and what it claims. */
import { errors, jwtVerify } from 'jose';
import { CimError } from '@cim/protocol';
import { Expired, NotAuthorized } from './not-authorized.ts';
import type { TokenRules } from './token-settings.ts';

export const TOKEN_CHARACTERS = 8_192;
/** Clocks of two machines may differ by so much. */
const SKEW_S = 60;
const SUBJECT_CHARACTERS = 255;
const GROUPS = 100;

export interface Claims {
  /** The user, for the signer; for ever the same one. */
  readonly subject: string;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

/** Whether a credential looks like a token, right or wrong. */
export const looksLikeToken = (credential: string): boolean =>
  /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/.test(credential);

export class Tokens {
  readonly #rules: TokenRules;
  readonly #now: () => number;

  /** @param now ms since 1970 */
  constructor(rules: TokenRules, now: () => number = Date.now) {
    this.#rules = rules;
    this.#now = now;
  }

  /**
   * The algorithm is one of the configured ones, which fit the configured key; what the token says of keys and their
   * places is not followed.
   * @throws {CimError} 9100 or 9504, both 401; 4000: the keys of the issuer cannot be had now
   */
  async claims(token: string): Promise<Claims> {
    if (token.length > TOKEN_CHARACTERS) throw refused(`it is longer than ${TOKEN_CHARACTERS} characters`);
    const { algorithms, key, issuer, audience } = this.#rules;
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [...algorithms],
        clockTolerance: SKEW_S,
        currentDate: new Date(this.#now()),
        requiredClaims: ['sub', 'exp'],
        ...(issuer === '' ? {} : { issuer }),
        ...(audience === '' ? {} : { audience }),
      });
      const twice = repeated(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
      if (twice !== undefined) throw refused(`it has the claim "${twice}" twice`);
      return claimsOf(payload);
    } catch (error) {
      if (error instanceof CimError) throw error;
      if (error instanceof errors.JWTExpired) throw new Expired('the token has expired; get a fresh one');
      // A TypeError of jose: the token is not what its algorithm says.
      if (error instanceof errors.JOSEError || error instanceof TypeError) throw refused(error.message);
      throw error;
    }
  }
}

const refused = (why: string): NotAuthorized => new NotAuthorized(`this token does not count: ${why}`);

function claimsOf({ sub, name, groups = [] }: Readonly<Record<string, unknown>>): Claims {
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_CHARACTERS || !sub.isWellFormed())
    throw refused(`"sub" must be a text of 1 to ${SUBJECT_CHARACTERS} characters`);
  if (name !== undefined && typeof name !== 'string') throw refused('"name" must be a text');
  if (!Array.isArray(groups) || groups.length > GROUPS || !groups.every((group) => typeof group === 'string'))
    throw refused(`"groups" must be a list of at most ${GROUPS} texts`);
  return { subject: sub, name, groups };
}

/** A name that a JSON object has twice in its outermost level: readers differ in which one they take. */
function repeated(json: string): string | undefined {
  const names = new Set<string>();
  let depth = 0;
  for (const [piece, name] of json.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (piece === '{' || piece === '[') depth++;
    else if (piece === '}' || piece === ']') depth--;
    else if (depth === 1 && name !== undefined) {
      const text = JSON.parse(name) as string;
      if (names.has(text)) return text;
      names.add(text);
    }
  }
  return undefined;
}
