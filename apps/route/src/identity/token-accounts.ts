/** The accounts of users who log in with tokens. Each is made with the first token of its user. */
import type { Messaging } from '@cim/delivery';
import {
  CimError,
  foldName,
  type GroupId,
  isGroupId,
  LOBBY,
  parseUserName,
  type UserName,
} from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { Account, Store } from '@cim/store';
import { beginLobby } from '../lobby-begin.ts';
import { newNameProblem } from '../new-name.ts';
import type { RouteParts } from '../route-parts.ts';
import { tokenRules } from './token-settings.ts';
import { type Claims, Tokens } from './tokens.ts';

interface TokenAccountParts {
  readonly tokens: Tokens;
  readonly store: Pick<Store, 'accounts' | 'groups' | 'streams'>;
  readonly service: Pick<Messaging['groups'], 'join' | 'add'>;
  /** Key: the name of a group in tokens. */
  readonly groups: ReadonlyMap<string, GroupId>;
  readonly logger: Logger;
}

/**
 * Makes the accounts. Undefined unless CIM_AUTH is jwt.
 * @throws {Error} one line: which setting is missing or wrong
 */
export function tokenAccounts({ config, store, messaging, logger }: RouteParts): TokenAccounts | undefined {
  if (config.auth !== 'jwt') return undefined;
  if (config.jwt === undefined) throw new Error('CIM_AUTH=jwt without its settings');
  const rules = tokenRules(config.jwt, logger);
  const parts = { tokens: new Tokens(rules), groups: rules.groups, store, service: messaging.groups, logger };
  return new TokenAccounts(parts);
}

export class TokenAccounts {
  readonly #parts: TokenAccountParts;

  constructor(parts: TokenAccountParts) {
    this.#parts = parts;
  }

  /**
   * The account of a token, for a request. It is made with the first token.
   * @throws {CimError} 9100 or 9504: the token is not valid; 3000: its name cannot be the name of a new
   * account
   */
  async account(token: string): Promise<{ readonly account: Account; readonly created: boolean }> {
    const claims = await this.#parts.tokens.claims(token);
    const account = await this.#parts.store.accounts.bySubject(claims.subject);
    return account === undefined ? this.#make(claims) : { account, created: false };
  }

  /**
   * The account of a token, for a login. It also takes over a changed name and the groups of the token.
   * @throws {CimError} as `account`; 3000 also for a changed name that is not available
   */
  async logIn(token: string): Promise<Account> {
    const claims = await this.#parts.tokens.claims(token);
    const found = await this.#parts.store.accounts.bySubject(claims.subject);
    const account =
      found === undefined ? (await this.#make(claims)).account : await this.#named(found, claims);
    await this.#join(account, claims.groups);
    return account;
  }

  async #make(claims: Claims): Promise<{ readonly account: Account; readonly created: boolean }> {
    const { store, logger } = this.#parts;
    if (claims.name === undefined)
      throw new CimError(
        'invalid',
        'the first token of a user needs the claim "name": the name of its account',
      );
    const name = newName(claims.name);
    const answer = await store.accounts.register(name, undefined, claims.subject);
    if (answer.account.subject !== claims.subject) throw taken(name);
    if (answer.created) await beginLobby(store, answer.account.userId, logger);
    return answer;
  }

  async #named(account: Account, { name }: Claims): Promise<Account> {
    if (name === undefined || name.normalize('NFKC') === account.userName) return account;
    const isOther = foldName(name) !== foldName(account.userName);
    const renamed = isOther ? newName(name) : parsed(name);
    this.#parts.logger.info({ userId: account.userId }, 'account.renamed');
    return this.#parts.store.accounts.rename(account.userId, renamed);
  }

  /** A group that cannot be joined does not prevent the login. */
  async #join(account: Account, names: readonly string[]): Promise<void> {
    const { logger } = this.#parts;
    for (const name of new Set(names))
      try {
        await this.#joinOne(account, name);
      } catch (error) {
        if (!(error instanceof CimError)) throw error;
        logger.info({ err: error, userId: account.userId, group: name }, 'token.group-not-joined');
      }
  }

  /**
   * Joins a group that a token names. It opens only groups that are open to the user anyhow: an open group,
   * which the user could join itself, and a group that the operator has listed, to which its owner adds the
   * user.
   */
  async #joinOne({ userId, userName }: Account, name: string): Promise<void> {
    const { store, service, groups } = this.#parts;
    const listed = groups.get(name);
    const id = listed ?? name;
    if (!isGroupId(id) || id === LOBBY) return;
    const group = await store.groups.find(id);
    if (group === undefined || (await store.groups.member(id, userId)) !== undefined) return;
    if (group.join === 'open') await service.join({ userId, userName }, id);
    else if (listed !== undefined) {
      const owner = await store.accounts.byId(group.owner);
      if (owner !== undefined) await service.add(owner, id, [userId]);
    }
  }
}

/** @throws {CimError} 3000 */
function parsed(name: string): UserName {
  const answer = parseUserName(name);
  if (!answer.ok) throw new CimError('invalid', `the name of the token: ${answer.problem}`);
  return answer.name;
}

function newName(text: string): UserName {
  const name = parsed(text);
  const problem = newNameProblem(name);
  if (problem !== undefined) throw new CimError('invalid', `the name of the token: ${problem}`);
  return name;
}

const taken = (name: string): CimError =>
  new CimError('invalid', `the name of the token, "${name}", is that of another account`);
