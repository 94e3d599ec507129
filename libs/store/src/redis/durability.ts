/** Whether the Redis that answers can keep the promise of the mode; asked at start, of every master. */
import { Cluster, Redis } from 'ioredis';
import type { Connection, RedisUrl } from './connection.ts';

export type Durability = 'disk' | 'quorum' | 'fast';

const WANTED = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' } as const;

/** @throws {Error} one line that names what must change */
export async function checkDurability(redis: Connection, url: RedisUrl, mode: Durability): Promise<string> {
  if (mode === 'fast') return 'fast: what Redis loses is lost';
  if (mode === 'quorum')
    throw new Error(
      'CIM_DURABILITY=quorum is not available in this version; use disk with one Redis, or fast',
    );
  if (url.kind === 'sentinel')
    throw new Error(
      'CIM_DURABILITY=disk cannot be kept where a replica can be promoted (Sentinel): it may lack what was stored; use fast',
    );
  const masters = redis instanceof Cluster ? redis.nodes('master') : [redis];
  if (redis instanceof Cluster && redis.nodes('slave').length > 0)
    throw new Error(
      'CIM_DURABILITY=disk cannot be kept where a replica can be promoted (this Cluster has replicas); use fast',
    );
  for (const master of masters) await checkNode(master);
  return 'durable on disk (appendfsync always)';
}

async function checkNode(node: Redis): Promise<void> {
  const wrong: string[] = [];
  for (const [name, wanted] of Object.entries(WANTED)) {
    // RESP2 answers a list, RESP3 a map; ioredis makes the one or the other of it.
    const answer: unknown = await node.config('GET', name);
    const value = Array.isArray(answer)
      ? String(answer[1])
      : String((answer as Record<string, unknown>)[name]);
    if (value !== wanted) wrong.push(`CONFIG SET ${name} ${wanted}`);
  }
  if (wrong.length === 0) return;
  const { host = '?', port = '?' } = node.options;
  throw new Error(
    `Redis at ${host}:${port} cannot keep CIM_DURABILITY=disk; mend it with: ${wrong.join('; ')} (and in redis.conf)`,
  );
}
