/**
 * Passwords as PHC strings of argon2id, at the strength that OWASP recommends. Hashes that an older version
 * made with scrypt are still accepted; `isCurrent` tells which hashes to renew.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { FairQueue } from './limits/fair-queue.ts';
import { limitedError } from './limits/request-limits.ts';

/** 19 MiB, 2 passes, 1 lane (OWASP). The package makes argon2id by default; a test checks this in the hash. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const CURRENT = `$argon2id$v=19$m=${ARGON2.memoryCost},t=${ARGON2.timeCost},p=${ARGON2.parallelism}$`;
/** Shortest password [code points after NFKC]. */
const MIN_CHARACTERS = 8;
/**
 * Hashes computed at once, each on a thread of libuv's pool (4 threads): the embedded store needs the others.
 * Further ones wait.
 */
const AT_ONCE = 2;
/**
 * Most hashes that wait; above that a caller is told to come back. At 20 ms each the last one waits for some
 * seconds.
 */
const WAITING = 256;
const BUSY_MS = 1_000;

const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** One composed form per password, whatever the keyboard has sent. */
const composed = (password: string): string => password.normalize('NFKC');

/**
 * In one line, why a new password is refused; undefined when it is accepted. Older, shorter ones keep
 * working.
 */
export function passwordProblem(password: string): string | undefined {
  const length = [...composed(password)].length;
  return length < MIN_CHARACTERS
    ? `a password has at least ${MIN_CHARACTERS} characters, this one has ${length}`
    : undefined;
}

/** A hash at the present strength whose random password nobody knows. */
const NOBODYS = `${CURRENT}wlJjppF4iN2KIuVaaWJhag$TvsrC8Qlb5UhTyz39xTQE30VQWR/tz/63VZZhBWrEeA`;

/** Computes hashes. Tests count its calls. */
export interface Argon2 {
  readonly hash: typeof hash;
  readonly verify: typeof verify;
}

export class Passwords {
  readonly #argon2: Argon2;
  readonly #queue: FairQueue;

  /** @param mostOfAddress most hashes of one address that wait */
  constructor(argon2: Argon2 = { hash, verify }, mostOfAddress = WAITING) {
    this.#queue = new FairQueue(AT_ONCE, WAITING, mostOfAddress);
    this.#argon2 = argon2;
  }

  /**
   * Hashes a password.
   * @param address the address that asks; undefined: one without a limit
   * @throws {CimError} 6000: too many at once
   */
  hash(password: string, address?: string): Promise<string> {
    return this.#inTurn(address, () => this.#argon2.hash(composed(password), ARGON2));
  }

  /** Checks a password; parameters as in `hash`. @throws {CimError} 6000: too many at once */
  matches(password: string, stored: string, address?: string): Promise<boolean> {
    return this.#inTurn(address, () =>
      stored.startsWith('$argon2id$')
        ? this.#argon2.verify(stored, composed(password)).catch(() => false)
        : matchesScrypt(composed(password), stored),
    );
  }

  /**
   * Takes the same time as `matches`, for a missing account: so the time of a login does not reveal whether
   * its name exists.
   * @throws {CimError} 6000: too many at once
   */
  async matchNobody(password: string, address?: string): Promise<void> {
    await this.matches(password, NOBODYS, address);
  }

  /** Whether the hash has the present strength. */
  isCurrent(stored: string): boolean {
    return stored.startsWith(CURRENT);
  }

  async #inTurn<T>(address: string | undefined, work: () => Promise<T>): Promise<T> {
    const answer = await this.#queue.run(address, work);
    if (answer === undefined) throw limitedError('hashes', BUSY_MS);
    return answer.done;
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
