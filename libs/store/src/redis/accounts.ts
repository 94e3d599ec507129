import { CimError, foldName, type UserId, type UserName } from '@cim/protocol';
import { randomText } from '@cim/runtime';
import { type Account, type Accounts, idTaken, looksLike, nameTaken } from '../accounts.ts';
import { looksOf } from '../looks.ts';
import type { Commit } from './commit.ts';
import { key } from './keys.ts';
import type { RedisLink } from './link.ts';
import { Script } from './script.ts';

/** The counter counts from 1. Ids are this much higher. */
const BEFORE_FIRST_USER = 1_000;

/**
 * Creates an account exclusively: a counter that went back, in a store that lost data, never makes two users
 * one. KEYS account. ARGV name, password hash or '', attempt, subject of tokens or ''. Answers 1 when the
 * account is of this attempt.
 */
const CREATE = new Script(`
local attempt = redis.call('HGET', KEYS[1], 'attempt')
if attempt == ARGV[3] then return 1 end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'password', ARGV[2], 'attempt', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'subject', ARGV[4]) end
return 1`);

/**
 * Takes a name or look. KEYS names or looks. ARGV folded name or look, user id, id of another user that may
 * lose it, or ''. Answers the id that has it now.
 */
const TAKE = new Script(`
local id = redis.call('HGET', KEYS[1], ARGV[1])
if id and id ~= ARGV[3] then return id end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]`);

/** Gives up a look of that user. KEYS looks. ARGV look, user id. */
const GIVE_UP = new Script(`
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1`);

/** KEYS account. ARGV hash to be replaced ('' for none), hash. Answers 1 when the account has the hash now. */
const REPLACE_PASSWORD = new Script(`
local held = redis.call('HGET', KEYS[1], 'password')
if held ~= ARGV[1] and held ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'password', ARGV[2])
return 1`);

/** KEYS account. ARGV name. Answers 1 when the account is there. */
const RENAME = new Script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1])
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

  async register(
    name: UserName,
    passwordHash = '',
    subject = '',
  ): Promise<{ account: Account; created: boolean }> {
    if (subject === '') return this.#register(name, passwordHash, subject);
    const holder = await this.#idOfSubject(subject);
    const own = holder === undefined ? undefined : await this.byId(holder);
    if (own !== undefined) return { account: own, created: false };
    const made = await this.#register(name, passwordHash, subject);
    const { userId } = made.account;
    if (made.account.subject !== subject) return made;
    // After a crash at this point the next registration finds the account by its name and goes on.
    const winner = Number(
      await this.#commit.run(TAKE, [key.subjects(subject)], [subject, userId, holder ?? '']),
    ) as UserId;
    if (winner === userId) return made;
    // Two first logins of one subject came at once, under two names.
    if (made.created) await this.#takeBack(userId, looksOf(name), name);
    const account = await this.byId(winner);
    if (account === undefined) throw new CimError('failure', 'the account of this subject is not there');
    return { account, created: false };
  }

  async #register(
    name: UserName,
    passwordHash: string,
    subject: string,
  ): Promise<{ account: Account; created: boolean }> {
    const holder = await this.#idOf(name);
    const taken = holder === undefined ? undefined : await this.byId(holder);
    if (holder !== undefined && taken !== undefined) {
      if (this.#commit.waits) await this.#touch(taken);
      return { account: taken, created: false };
    }
    const looks = looksOf(name);
    // The looks are checked first, so that a refusal leaves nothing to take back.
    for (const look of looks) {
      const other = await this.#holderOf(look);
      if (other !== undefined && !isSameName(other.userName, name)) throw looksLike(name, other.userName);
    }
    const userId = await this.#create(name, passwordHash, subject);
    const other = await this.#takeLooks(looks, userId);
    if (other !== undefined) {
      await this.#takeBack(userId, looks);
      if (!isSameName(other.userName, name)) throw looksLike(name, other.userName);
      // The name was registered at the same time, or by a process that has died since. That account is used.
      await this.#commit.run(TAKE, [key.names(name)], [foldName(name), other.userId, holder ?? '']);
      if (this.#commit.waits) await this.#touch(other);
      return { account: other, created: false };
    }
    // The name has an id without an account: the store has lost it, and the name is free again.
    const winner = Number(
      await this.#commit.run(TAKE, [key.names(name)], [foldName(name), userId, holder ?? '']),
    ) as UserId;
    if (winner === userId) return { account: accountOf(userId, name, passwordHash, subject), created: true };
    await this.#takeBack(userId, looks);
    const account = await this.byId(winner);
    if (account === undefined) throw new CimError('failure', 'the account that has this name is not there');
    if (this.#commit.waits) await this.#touch(account);
    return { account, created: false };
  }

  async adopt(userId: UserId, name: UserName): Promise<{ account: Account; created: boolean }> {
    const held = await this.byId(userId);
    if (held !== undefined && held.userName !== name) throw idTaken(userId, held.userName);
    const holder = await this.#idOf(name);
    if (holder !== undefined && holder !== userId && (await this.byId(holder)) !== undefined)
      throw nameTaken(name);
    const looks = looksOf(name);
    for (const look of looks) {
      const other = await this.#holderOf(look);
      if (other !== undefined && other.userId !== userId) throw looksLike(name, other.userName);
    }
    if (held === undefined) {
      const made = await this.#commit.run(CREATE, [key.account(userId)], [name, '', randomText(12), '']);
      if (made !== 1) throw idTaken(userId, (await this.byId(userId))?.userName ?? '');
    }
    // An account of an earlier try, which ended on the way, gets its looks and its name here.
    const other = await this.#takeLooks(looks, userId);
    const winner = other ?? (await this.#takeName(name, userId, holder));
    if (winner?.userId !== userId) {
      if (held === undefined) await this.#takeBack(userId, looks);
      throw other === undefined ? nameTaken(name) : looksLike(name, other.userName);
    }
    return { account: held ?? accountOf(userId, name, '', ''), created: held === undefined };
  }

  /** Answers the account that has the name now. @param holder id that has the name and no account, if there is one */
  async #takeName(name: UserName, userId: UserId, holder: UserId | undefined): Promise<Account | undefined> {
    const args = [foldName(name), userId, holder ?? ''];
    return this.byId(Number(await this.#commit.run(TAKE, [key.names(name)], args)) as UserId);
  }

  /**
   * Writes the account and its name again unchanged: the process that made them may not have waited for all
   * replicas.
   */
  async #touch({ userId, userName }: Account): Promise<void> {
    await Promise.all([
      this.#commit.run(TOUCH, [key.account(userId)], []),
      this.#commit.run(TAKE, [key.names(userName)], [foldName(userName), userId, userId]),
      ...looksOf(userName).map((look) => this.#commit.run(TAKE, [key.looks(look)], [look, userId, userId])),
    ]);
  }

  /** The account that has a look now; undefined when none has. */
  async #holderOf(look: string): Promise<Account | undefined> {
    const id = await this.#link.ask((redis) => redis.hget(key.looks(look), look));
    return id === null ? undefined : this.byId(Number(id) as UserId);
  }

  /**
   * Takes the looks one by one, sorted, so that of two accounts with the same looks one gets them all.
   * Answers the account that has one of them already. An account is made before it takes a look, so a look
   * without an account can be taken.
   */
  async #takeLooks(looks: readonly string[], userId: UserId): Promise<Account | undefined> {
    for (const look of looks)
      for (let mayLose: UserId | '' = ''; ; ) {
        const args = [look, userId, mayLose];
        const holder = Number(await this.#commit.run(TAKE, [key.looks(look)], args)) as UserId;
        if (holder === userId) break;
        const account = await this.byId(holder);
        if (account !== undefined) return account;
        mayLose = holder;
      }
    return undefined;
  }

  /** Removes a new account that has lost its name or a look to another one. No client was ever told of it. */
  async #takeBack(userId: UserId, looks: readonly string[], name?: UserName): Promise<void> {
    await this.#giveUp(userId, looks, name);
    await this.#link.ask((redis) => redis.del(key.account(userId)));
  }

  async #giveUp(userId: UserId, looks: readonly string[], name?: UserName): Promise<void> {
    for (const look of looks) await this.#commit.run(GIVE_UP, [key.looks(look)], [look, userId]);
    if (name !== undefined) await this.#commit.run(GIVE_UP, [key.names(name)], [foldName(name), userId]);
  }

  /** After a crash in between the account has one of both names, and the other one may still be taken. */
  async rename(userId: UserId, name: UserName): Promise<Account> {
    const before = await this.byId(userId);
    if (before === undefined) throw new CimError('unknownAccount');
    const holder = await this.#idOf(name);
    if (holder !== undefined && holder !== userId && (await this.byId(holder)) !== undefined)
      throw nameTaken(name);
    const [looks, old] = [looksOf(name), looksOf(before.userName)];
    const added = looks.filter((look) => !old.includes(look));
    const other = await this.#takeLooks(added, userId);
    const winner = other ?? (await this.#takeName(name, userId, holder));
    if (winner?.userId !== userId) {
      await this.#giveUp(userId, added);
      throw other === undefined ? nameTaken(name) : looksLike(name, other.userName);
    }
    await this.#commit.run(RENAME, [key.account(userId)], [name]);
    const gone = old.filter((look) => !looks.includes(look));
    await this.#giveUp(userId, gone, isSameName(before.userName, name) ? undefined : before.userName);
    return { ...before, userName: name };
  }

  async bySubject(subject: string): Promise<Account | undefined> {
    const id = await this.#idOfSubject(subject);
    return id === undefined ? undefined : this.byId(id);
  }

  async #idOfSubject(subject: string): Promise<UserId | undefined> {
    const id = await this.#link.ask((redis) => redis.hget(key.subjects(subject), subject));
    return id === null ? undefined : (Number(id) as UserId);
  }

  async replacePassword(
    userId: UserId,
    replaces: string | undefined,
    passwordHash: string,
  ): Promise<boolean> {
    const keys = [key.account(userId)];
    return (await this.#commit.run(REPLACE_PASSWORD, keys, [replaces ?? '', passwordHash])) === 1;
  }

  async byId(userId: UserId): Promise<Account | undefined> {
    const [name, passwordHash, subject] = await this.#link.ask((redis) =>
      redis.hmget(key.account(userId), 'name', 'password', 'subject'),
    );
    return typeof name === 'string'
      ? accountOf(userId, name as UserName, passwordHash ?? '', subject ?? '')
      : undefined;
  }

  async byName(name: string): Promise<Account | undefined> {
    const id = await this.#idOf(name);
    return id === undefined ? undefined : this.byId(id);
  }

  async #idOf(name: string): Promise<UserId | undefined> {
    const id = await this.#link.ask((redis) => redis.hget(key.names(name), foldName(name)));
    return id === null ? undefined : (Number(id) as UserId);
  }

  async #create(name: UserName, passwordHash: string, subject: string): Promise<UserId> {
    const attempt = randomText(12);
    for (;;) {
      const userId = (BEFORE_FIRST_USER +
        (await this.#link.ask((redis) => redis.incr(key.nextUser)))) as UserId;
      const account = key.account(userId);
      const created = await this.#commit.run(CREATE, [account], [name, passwordHash, attempt, subject]);
      if (created === 1) return userId;
    }
  }
}

const accountOf = (userId: UserId, userName: UserName, passwordHash: string, subject: string): Account => ({
  userId,
  userName,
  ...(passwordHash === '' ? {} : { passwordHash }),
  ...(subject === '' ? {} : { subject }),
});

const isSameName = (one: string, other: string): boolean => foldName(one) === foldName(other);
