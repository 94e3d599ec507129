import { CimError, foldName, type UserId, type UserName } from '@cim/protocol';
import { randomText } from '@cim/runtime';
import type { Account, Accounts } from '../accounts.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/** The counter counts from 1; ids from here. */
const BEFORE_FIRST_USER = 1_000;

/**
 * Exclusive: a counter that went back, with a store that lost data, makes no two users one.
 * KEYS account. ARGV name, password hash or '', attempt. Answers 1 when the account is of this attempt.
 */
const CREATE = new Script(`
local attempt = redis.call('HGET', KEYS[1], 'attempt')
if attempt == ARGV[3] then return 1 end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'password', ARGV[2], 'attempt', ARGV[3])
return 1`);

/**
 * KEYS names. ARGV folded name, user id, id that the name may have and lose, or ''. Answers the id that has it now.
 */
const TAKE_NAME = new Script(`
local id = redis.call('HGET', KEYS[1], ARGV[1])
if id and id ~= ARGV[3] then return id end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]`);

/** KEYS account. ARGV hash to be replaced, hash. Answers 1 when the account has the hash now. */
const REPLACE_PASSWORD = new Script(`
local held = redis.call('HGET', KEYS[1], 'password')
if held ~= ARGV[1] and held ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'password', ARGV[2])
return 1`);

/** KEYS account. */
const TOUCH = new Script(`
local attempt = redis.call('HGET', KEYS[1], 'attempt')
if attempt then redis.call('HSET', KEYS[1], 'attempt', attempt) end
return 1`);

export class RedisAccounts implements Accounts {
  readonly #link: RedisLink;
  readonly #commit: Commit;

  constructor(link: RedisLink, commit: Commit) {
    this.#link = link;
    this.#commit = commit;
  }

  async register(name: UserName, passwordHash = ''): Promise<{ account: Account; created: boolean }> {
    const holder = await this.#idOf(name);
    const taken = holder === undefined ? undefined : await this.byId(holder);
    if (holder !== undefined && taken !== undefined) {
      if (this.#commit.waits) await this.#touch(taken);
      return { account: taken, created: false };
    }
    const userId = await this.#create(name, passwordHash);
    // A holder without an account: the store lost it, and the name is free again.
    const winner = Number(
      await this.#commit.run(TAKE_NAME, [key.names(name)], [foldName(name), userId, holder ?? '']),
    ) as UserId;
    if (winner === userId) return { account: accountOf(userId, name, passwordHash), created: true };
    await this.#link.ask((redis) => redis.del(key.account(userId)));
    const account = await this.byId(winner);
    if (account === undefined) throw new CimError('failure', 'the account that has this name is not there');
    if (this.#commit.waits) await this.#touch(account);
    return { account, created: false };
  }

  /** The account and its name are written as they are: whoever made them may not have waited for all replicas. */
  async #touch({ userId, userName }: Account): Promise<void> {
    await Promise.all([
      this.#commit.run(TOUCH, [key.account(userId)], []),
      this.#commit.run(TAKE_NAME, [key.names(userName)], [foldName(userName), userId, userId]),
    ]);
  }

  async replacePassword(userId: UserId, replaces: string, passwordHash: string): Promise<boolean> {
    const keys = [key.account(userId)];
    return (await this.#commit.run(REPLACE_PASSWORD, keys, [replaces, passwordHash])) === 1;
  }

  async byId(userId: UserId): Promise<Account | undefined> {
    const [name, passwordHash] = await this.#link.ask((redis) =>
      redis.hmget(key.account(userId), 'name', 'password'),
    );
    return typeof name === 'string' ? accountOf(userId, name as UserName, passwordHash ?? '') : undefined;
  }

  async byName(name: string): Promise<Account | undefined> {
    const id = await this.#idOf(name);
    return id === undefined ? undefined : this.byId(id);
  }

  async #idOf(name: string): Promise<UserId | undefined> {
    const id = await this.#link.ask((redis) => redis.hget(key.names(name), foldName(name)));
    return id === null ? undefined : (Number(id) as UserId);
  }

  async #create(name: UserName, passwordHash: string): Promise<UserId> {
    const attempt = randomText(12);
    for (;;) {
      const userId = (BEFORE_FIRST_USER +
        (await this.#link.ask((redis) => redis.incr(key.nextUser)))) as UserId;
      const account = key.account(userId);
      const created = await this.#commit.run(CREATE, [account], [name, passwordHash, attempt]);
      if (created === 1) return userId;
    }
  }
}

const accountOf = (userId: UserId, userName: UserName, passwordHash: string): Account => ({
  userId,
  userName,
  ...(passwordHash === '' ? {} : { passwordHash }),
});
