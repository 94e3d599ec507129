import type { LogWishes } from '../log-wishes.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';

export class RedisLogWishes implements LogWishes {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async put(text: string, ms: number): Promise<void> {
    await this.#link.ask((redis) => redis.set(key.logWish, text, 'PX', ms));
  }

  async get(): Promise<string | undefined> {
    return (await this.#link.ask((redis) => redis.get(key.logWish))) ?? undefined;
  }
}
