import type { UserId } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import { looksOf } from '../looks.ts';
import { faultOf } from './fault.ts';
import { key, nameShards } from './keys.ts';
import type { RedisLink } from './link.ts';

const NAMES_AT_ONCE = 200;
const AGAIN_MS = 30_000;
const DONE = '1';

/**
 * Enters the looks of accounts made by a version without looks: once in the life of a database, in the
 * background, by the first process that opens it. Two processes that do it at once do no harm. Until it is
 * done a new name may look like an old one. If two old names look the same, one has the look, and both go on.
 */
export class OldLooks {
  readonly #link: RedisLink;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(link: RedisLink, logger: Logger) {
    this.#link = link;
    this.#logger = logger;
  }

  start(): void {
    void this.#try();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #try(): Promise<void> {
    try {
      if ((await this.#link.ask((redis) => redis.get(key.looksEntered))) === DONE) return;
      let names = 0;
      for (const shard of nameShards) names += await this.#enter(shard);
      if (this.#stopped) return;
      await this.#link.ask((redis) => redis.set(key.looksEntered, DONE));
      if (names > 0) this.#logger.info({ names }, 'looks.entered');
    } catch (error) {
      if (this.#stopped) return;
      // The store's own line reports faults of Redis as a whole.
      const { kind } = faultOf(error);
      const isOurs = kind === 'request' || kind === 'script';
      this.#logger[isOurs ? 'warn' : 'debug']({ err: error }, 'looks.not-entered');
      this.#timer = setTimeout(() => void this.#try(), AGAIN_MS);
      this.#timer.unref();
    }
  }

  async #enter(shard: string): Promise<number> {
    let names = 0;
    let cursor = '0';
    do {
      if (this.#stopped) return names;
      const from = cursor;
      const [next, fields] = await this.#link.ask((redis) =>
        redis.hscan(shard, from, 'COUNT', NAMES_AT_ONCE),
      );
      const ids = fields.filter((_, i) => i % 2 === 1).map((id) => Number(id) as UserId);
      await Promise.all(ids.map((id) => this.#enterAccount(id)));
      names += ids.length;
      cursor = next;
    } while (cursor !== '0');
    return names;
  }

  async #enterAccount(userId: UserId): Promise<void> {
    const name = await this.#link.ask((redis) => redis.hget(key.account(userId), 'name'));
    if (name === null) return;
    await Promise.all(
      looksOf(name).map((look) => this.#link.ask((redis) => redis.hsetnx(key.looks(look), look, userId))),
    );
  }
}
