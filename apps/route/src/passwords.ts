/** Passwords as PHC strings of scrypt; at most two are hashed at once, so that logins cannot take the whole machine. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { CimError } from '@cim/protocol';

const LOG_N = 15;
const R = 8;
const P = 1;
const KEY_BYTES = 32;
const AT_ONCE = 2;
const WAITING = 64;

const phc = (salt: Buffer, key: Buffer): string => {
  const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=${LOG_N},r=${R},p=${P}$${text(salt)}$${text(key)}`;
};
const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async hash(password: string): Promise<string> {
    const salt = randomBytes(16);
    return phc(salt, await this.#derive(password, salt, LOG_N, R, P, KEY_BYTES));
  }

  async matches(password: string, stored: string): Promise<boolean> {
    const [, ln, r, p, salt, key] = PHC.exec(stored) ?? [];
    if (salt === undefined || key === undefined) return false;
    const expected = Buffer.from(key, 'base64');
    const derived = await this.#derive(
      password,
      Buffer.from(salt, 'base64'),
      Number(ln),
      Number(r),
      Number(p),
      expected.length,
    );
    return timingSafeEqual(derived, expected);
  }

  async #derive(
    password: string,
    salt: Buffer,
    ln: number,
    r: number,
    p: number,
    bytes: number,
  ): Promise<Buffer> {
    if (this.#running < AT_ONCE) this.#running++;
    else if (this.#waiting.length < WAITING)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new CimError('limited', 'too many logins at once, try again in 1 s');
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        // One composed form per password, whatever the keyboard sent.
        scrypt(
          password.normalize('NFKC'),
          salt,
          bytes,
          { N: 2 ** ln, r, p, maxmem: 128 * 1024 * 1024 },
          (error, key) => {
            if (error) reject(error);
            else resolve(key);
          },
        );
      });
    } finally {
      // The place is handed over: given up first, a newcomer could take it before the one who waits for it runs.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
