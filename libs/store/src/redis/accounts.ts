import { foldName, type UserId, type UserName } from '@cim/protocol';
import type { Account, Accounts } from '../accounts.ts';
import type { Connection } from './connection.ts';
import { key } from './keys.ts';
import { Script } from './script.ts';

/** The counter counts from 1; ids from here. */
const BEFORE_FIRST_USER = 1_000;

const CREATE = new Script(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'password', ARGV[2])
return 1`);

export class RedisAccounts implements Accounts {
  readonly #redis: Connection;

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  async register(name: UserName, passwordHash?: string): Promise<{ account: Account; created: boolean }> {
    const taken = await this.byName(name);
    if (taken !== undefined) return { account: taken, created: false };
    const userId = await this.#create(name, passwordHash ?? '');
    const won = await this.#redis.hsetnx(key.names(name), foldName(name), userId);
    if (won === 1)
      return {
        account: { userId, userName: name, ...(passwordHash === undefined ? {} : { passwordHash }) },
        created: true,
      };
    const winner = await this.byName(name);
    // The same account: an attempt of ours was carried out although its answer was lost.
    if (winner?.userId !== userId) await this.#redis.del(key.account(userId));
    if (winner === undefined) throw new Error('the name is taken by an account that is not there');
    return { account: winner, created: false };
  }

  async byId(userId: UserId): Promise<Account | undefined> {
    const [name, passwordHash] = await this.#redis.hmget(key.account(userId), 'name', 'password');
    if (name === undefined || name === null) return undefined;
    return {
      userId,
      userName: name as UserName,
      ...(passwordHash === undefined || passwordHash === null || passwordHash === '' ? {} : { passwordHash }),
    };
  }

  async byName(name: string): Promise<Account | undefined> {
    const id = await this.#redis.hget(key.names(name), foldName(name));
    return id === null ? undefined : this.byId(Number(id) as UserId);
  }

  /** Exclusive creation: a counter that went back, with a store that lost data, makes no two users one. */
  async #create(name: UserName, passwordHash: string): Promise<UserId> {
    for (;;) {
      const userId = (BEFORE_FIRST_USER + (await this.#redis.incr(key.nextUser))) as UserId;
      if ((await CREATE.run(this.#redis, [key.account(userId)], [name, passwordHash])) === 1) return userId;
    }
  }
}
