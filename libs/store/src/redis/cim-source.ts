/**
 * What the Java CIM (v2) keeps in Redis, read and never written. Its keys, after its public source:
 * - `cim-account:<id>` the name of a user. `<name>` the account's key again; of two users with one name it names the last.
 * - `offline:msg:user:<id>` a list of the ids of texts that wait for the user, oldest first.
 * - `offline:msg:<id>` one such text, JSON. It expires after some days, and its id stays in the list.
 */
import { withAccess, type RedisAccess } from './access.ts';
import { RedisLink } from './link.ts';
import { describeUrl, parseRedisUrl } from './url.ts';

const ACCOUNT = 'cim-account:';
const TEXT = 'offline:msg:';
const WAITING = 'offline:msg:user:';
/** Keys that one question asks for. */
const PAGE = 500;
/** So long is waited for the first connection [ms]. */
const CONNECT_MS = 5_000;
const ASK_AGAIN_MS = 50;

export interface CimAccount {
  /** As in the key: what stands there need not be a number. */
  readonly id: string;
  /** Undefined: the key holds no text. */
  readonly name: string | undefined;
  /** Id of the user that the name leads to; undefined: to none. */
  readonly holder: string | undefined;
}

export interface CimTexts {
  /** Id of the recipient, as in the key. */
  readonly user: string;
  /** Oldest first: the id of a text and its JSON, undefined for one that has expired. */
  readonly texts: readonly { readonly id: string; readonly json: string | undefined }[];
}

export interface CimSource {
  /** For people, without a password. */
  readonly description: string;
  /** Each account once. */
  accounts(): AsyncGenerator<CimAccount>;
  /** Each user for whom texts wait, once. */
  waiting(): AsyncGenerator<CimTexts>;
  stop(): Promise<void>;
}

/** @throws {Error} one line: a wrong URL, or a Redis that does not answer */
export async function openCimSource({
  url,
  ...access
}: RedisAccess & { readonly url: string }): Promise<CimSource> {
  const parsed = parseRedisUrl(url);
  if (parsed.kind === 'cluster')
    throw new Error('CIM keeps its data on one Redis server, not on a Redis Cluster');
  const link = new RedisLink(withAccess(parsed, access));
  const description = describeUrl(parsed);
  const ask = <T>(work: Parameters<typeof link.ask<T>>[0]): Promise<T> => link.ask(work);
  try {
    await answers(link, description);
  } catch (error) {
    await link.stop();
    throw error;
  }

  async function* keys(prefix: string): AsyncGenerator<string[]> {
    const met = new Set<string>();
    for (let cursor = '0'; ; ) {
      const [next, page] = await ask((redis) => redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', PAGE));
      // SCAN may answer a key twice.
      const fresh = page.filter((key) => !met.has(key));
      for (const key of fresh) met.add(key);
      if (fresh.length > 0) yield fresh;
      if (next === '0') return;
      cursor = next;
    }
  }

  /** Undefined for a key that is not there or holds no text. */
  async function texts(of: readonly string[]): Promise<(string | undefined)[]> {
    const found: (string | undefined)[] = [];
    for (let at = 0; at < of.length; at += PAGE) {
      const page = of.slice(at, at + PAGE);
      const values = await ask((redis) => redis.mget(page));
      found.push(...values.map((value) => value ?? undefined));
    }
    return found;
  }

  return {
    description,
    async *accounts() {
      for await (const page of keys(ACCOUNT)) {
        const names = await texts(page);
        const holders = await texts(names.map((name) => name ?? ''));
        for (const [i, key] of page.entries())
          yield { id: key.slice(ACCOUNT.length), name: names[i], holder: idOf(holders[i]) };
      }
    },
    async *waiting() {
      for await (const page of keys(WAITING))
        for (const key of page) {
          // A list is what CIM makes of it; something else is nothing of CIM's.
          if ((await ask((redis) => redis.type(key))) !== 'list') continue;
          const ids = await ask((redis) => redis.lrange(key, 0, -1));
          const found = await texts(ids.map((id) => TEXT + id));
          yield { user: key.slice(WAITING.length), texts: ids.map((id, i) => ({ id, json: found[i] })) };
        }
    },
    stop: () => link.stop(),
  };
}

const idOf = (key: string | undefined): string | undefined =>
  key?.startsWith(ACCOUNT) === true ? key.slice(ACCOUNT.length) : undefined;

async function answers(link: RedisLink, description: string): Promise<void> {
  const begun = performance.now();
  for (;;)
    try {
      await link.ask((redis) => redis.ping());
      return;
    } catch {
      if (performance.now() - begun > CONNECT_MS)
        throw new Error(`${description} does not answer: ${link.trouble.text}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
}
