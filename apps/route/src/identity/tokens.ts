/** Checks tokens that a business system signs (JWT, RFC 7519), and reads their claims. */
import { errors, jwtVerify } from 'jose';
import { CimError } from '@cim/protocol';
import { Expired, NotAuthorized } from './not-authorized.ts';
import type { TokenRules } from './token-settings.ts';

export const TOKEN_CHARACTERS = 8_192;
/** Allowed difference between the clocks of two machines [s]. */
const SKEW_S = 60;
const SUBJECT_CHARACTERS = 255;
const GROUPS = 100;

export interface Claims {
  /** The signer's name for the user, which never changes. */
  readonly subject: string;
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

/** Whether a credential has the form of a token, valid or not. */
export const looksLikeToken = (credential: string): boolean =>
  /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/.test(credential);

export class Tokens {
  readonly #rules: TokenRules;
  readonly #now: () => number;

  /** @param now the time [ms since 1970] */
  constructor(rules: TokenRules, now: () => number = Date.now) {
    this.#rules = rules;
    this.#now = now;
  }

  /**
   * The claims of a valid token. Its algorithm must be one of the configured ones, which fit the configured
   * key. Headers that name keys or their places are ignored.
   * @throws {CimError} 9100 or 9504, both 401; 4000: the keys of the issuer are not available now
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
      // jose throws a TypeError when the token does not fit its algorithm.
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

/**
 * A name that occurs twice in the outermost level of a JSON object; readers differ in which value they take.
 */
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
