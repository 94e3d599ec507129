import type { RedisLink } from './link.ts';

interface Waiting {
  readonly resolve: (value: Buffer | null) => void;
  readonly reject: (cause: unknown) => void;
}

/** Joins the `GET`s of one turn of the event loop to one `MGET`. Used only where one server holds all keys. */
export class GatheredGets {
  readonly #link: RedisLink;
  #keys: string[] = [];
  #waiting: Waiting[] = [];

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** @throws {CimError} as `ask` */
  get(key: string): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      if (this.#keys.length === 0) setImmediate(() => void this.#flush());
      this.#keys.push(key);
      this.#waiting.push({ resolve, reject });
    });
  }

  async #flush(): Promise<void> {
    const keys = this.#keys;
    const waiting = this.#waiting;
    this.#keys = [];
    this.#waiting = [];
    try {
      const answer = this.#link.ask((redis) => redis.mgetBuffer(keys));
      this.#link.flush();
      const values = await answer;
      for (const [i, { resolve }] of waiting.entries()) resolve(values[i] ?? null);
    } catch (cause) {
      for (const { reject } of waiting) reject(cause);
    }
  }
}
