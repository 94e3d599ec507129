/**
 * Passwords as PHC strings of argon2id, at the strength that OWASP advises. Hashes that an older version made with
 * scrypt are still checked; `isCurrent` tells which ones to make anew.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';
import { CimError } from '@cim/protocol';
import { hash, verify } from '@node-rs/argon2';

/** 19 MiB, 2 passes, 1 lane (OWASP). The package makes argon2id unless told otherwise; a test reads it from the hash. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const CURRENT = `$argon2id$v=19$m=${ARGON2.memoryCost},t=${ARGON2.timeCost},p=${ARGON2.parallelism}$`;
/** In code points, after NFKC. */
const MIN_CHARACTERS = 8;
/**
 * Hashes at once, each on a thread of libuv's pool (4 threads): the embedded store needs the others. More wait their
 * turn; above that many the caller is told to come back.
 */
const AT_ONCE = 2;
const WAITING = 64;

const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** One composed form per password, whatever the keyboard sent. */
const composed = (password: string): string => password.normalize('NFKC');

/** Why a new password is not taken, in one line; undefined when it is. Older, shorter ones go on working. */
export function passwordProblem(password: string): string | undefined {
  const length = [...composed(password)].length;
  return length < MIN_CHARACTERS
    ? `a password has at least ${MIN_CHARACTERS} characters, this one has ${length}`
    : undefined;
}

/** Of today's strength; its password was random, and is forgotten. */
const NOBODYS = `${CURRENT}wlJjppF4iN2KIuVaaWJhag$TvsrC8Qlb5UhTyz39xTQE30VQWR/tz/63VZZhBWrEeA`;

/** What computes hashes; tests count its calls. */
export interface Argon2 {
  readonly hash: typeof hash;
  readonly verify: typeof verify;
}

export class Passwords {
  readonly #argon2: Argon2;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(argon2: Argon2 = { hash, verify }) {
    this.#argon2 = argon2;
  }

  /** @throws {CimError} 6000: too many at once */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => this.#argon2.hash(composed(password), ARGON2));
  }

  /** @throws {CimError} 6000: too many at once */
  matches(password: string, stored: string): Promise<boolean> {
    return this.#inTurn(() =>
      stored.startsWith('$argon2id$')
        ? this.#argon2.verify(stored, composed(password)).catch(() => false)
        : matchesScrypt(composed(password), stored),
    );
  }

  /**
   * Costs what `matches` costs, where there is no account to check the password of: the time that a login takes tells
   * nobody whether its name exists.
   * @throws {CimError} 6000: too many at once
   */
  async matchNobody(password: string): Promise<void> {
    await this.matches(password, NOBODYS);
  }

  /** Whether the hash is of today's strength. */
  isCurrent(stored: string): boolean {
    return stored.startsWith(CURRENT);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < AT_ONCE) this.#running++;
    else if (this.#waiting.length < WAITING)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new CimError('limited', 'too many logins at once, try again in 1 s');
    try {
      return await work();
    } finally {
      // The place is handed over: given up first, a newcomer could take it before the one who waits for it runs.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

async function matchesScrypt(password: string, stored: string): Promise<boolean> {
  const [, ln, r, p, salt, key] = SCRYPT.exec(stored) ?? [];
  if (salt === undefined || key === undefined) return false;
  const expected = Buffer.from(key, 'base64');
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p), maxmem: 128 * 1024 * 1024 };
  const derived = await new Promise<Buffer>((resolve, reject) => {
    scrypt(password, Buffer.from(salt, 'base64'), expected.length, cost, (error, bytes) => {
      if (error) reject(error);
      else resolve(bytes);
    });
  });
  return timingSafeEqual(derived, expected);
}
