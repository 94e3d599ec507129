/** Whether the Redis that answers can keep the promise of the mode; asked at start, of every master. */
import type { Redis } from 'ioredis';
import type { RedisLink } from './link.ts';
import { shown } from './url.ts';

export type Durability = 'disk' | 'quorum' | 'fast';

/** `no-appendfsync-on-rewrite yes` would take the promise back while the file is rewritten. */
const WANTED = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
} as const;

/** Answers the mode in words. @throws {Error} one line that names what must change */
export async function checkDurability(link: RedisLink, mode: Durability): Promise<string> {
  await Promise.all(link.masters().map((node) => checkRole(node, link)));
  if (mode === 'fast') return 'fast: what Redis loses is lost';
  if (mode === 'quorum')
    throw new Error(
      'CIM_DURABILITY=quorum is not available in this version; use disk with one Redis, or fast',
    );
  if (link.url.kind === 'sentinel')
    throw new Error(
      'CIM_DURABILITY=disk cannot be kept where a replica can be promoted (Sentinel): it may lack what was stored; use fast',
    );
  if (link.replicas().length > 0)
    throw new Error(
      'CIM_DURABILITY=disk cannot be kept where a replica can be promoted (this Cluster has replicas); use fast',
    );
  await Promise.all(link.masters().map((node) => checkConfiguration(node, link)));
  return 'durable on disk (appendfsync always)';
}

/** A URL that leads to a replica, or to one node of a Cluster, would fail at the first write. */
async function checkRole(node: Redis, link: RedisLink): Promise<void> {
  const info = await link.ask(async () => `${await node.info('replication')}\n${await node.info('cluster')}`);
  if (!/^role:master\r?$/m.test(info))
    throw new Error(`Redis at ${addressOf(node)} is a replica; name its master in CIM_REDIS_URL`);
  if (link.url.kind !== 'cluster' && /^cluster_enabled:1\r?$/m.test(info))
    throw new Error(
      `Redis at ${addressOf(node)} is a node of a Cluster; write redis+cluster:// in CIM_REDIS_URL`,
    );
}

async function checkConfiguration(node: Redis, link: RedisLink): Promise<void> {
  const wrong: string[] = [];
  for (const [name, wanted] of Object.entries(WANTED)) {
    let answer: unknown;
    try {
      answer = await link.ask(() => node.config('GET', name));
    } catch (cause) {
      throw new Error(
        `Redis at ${addressOf(node)} does not tell its configuration (${(cause as Error).message}), so CIM_DURABILITY=disk cannot be promised; use fast`,
        { cause },
      );
    }
    // RESP2 answers a list, RESP3 a map; ioredis makes the one or the other of it.
    const value: unknown = Array.isArray(answer) ? answer[1] : (answer as Record<string, unknown>)[name];
    if (value !== wanted) wrong.push(`CONFIG SET ${name} ${wanted}`);
  }
  if (wrong.length > 0)
    throw new Error(
      `Redis at ${addressOf(node)} cannot keep CIM_DURABILITY=disk; mend it with: ${wrong.join('; ')} (and in redis.conf)`,
    );
}

const addressOf = ({ options: { host = '?', port = 0 } }: Redis): string => shown({ host, port });
