/**
 * Checks whether Redis can keep the promise of the durability mode. Every master is asked, at the start and
 * from then on.
 */
import { faultOf } from './fault.ts';
import type { Redis } from './ioredis.ts';
import type { RedisLink } from './link.ts';
import { replicationOf } from './replication.ts';
import { addressOf } from './url.ts';

export type Durability = 'disk' | 'quorum' | 'fast';

/**
 * The settings that the promise needs. `no-appendfsync-on-rewrite yes` would break it while the file is
 * rewritten.
 */
const WANTED = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
} as const;

/** The modes in words, for people. */
export const PROMISES: { readonly [mode in Durability]: string } = {
  disk: 'durable on disk (appendfsync always)',
  quorum: 'durable on disk and on every replica that is online (appendfsync always, WAIT)',
  fast: 'fast: what Redis loses is lost',
};

/**
 * Answers why the promise cannot be kept, in one line that names the remedy; undefined when it can.
 * @throws {CimError} 4000: Redis does not answer
 */
export async function checkDurability(link: RedisLink, mode: Durability): Promise<string | undefined> {
  if (mode === 'fast') return undefined;
  if (mode === 'disk' && link.url.kind === 'sentinel')
    return 'CIM_DURABILITY=disk cannot be kept where a replica can be promoted (Sentinel): it may lack what was stored; use quorum, or fast';
  return firstOf(
    link.masters().map(async (node) => {
      const problem = await checkConfiguration(node, link, mode);
      return problem ?? checkReplicas(node, link, mode);
    }),
  );
}

/**
 * Checks the role of the server: a URL that leads to a replica, or to one node of a Cluster, would fail at
 * the first write. Answers as above.
 */
export function checkRoles(link: RedisLink): Promise<string | undefined> {
  return firstOf(link.masters().map((node) => checkRole(node, link)));
}

async function checkRole(node: Redis, link: RedisLink): Promise<string | undefined> {
  const info = await link.ask(async () => `${await node.info('replication')}\n${await node.info('cluster')}`);
  if (!replicationOf(info).isMaster)
    return `Redis at ${addressOf(node)} is a replica; name its master in CIM_REDIS_URL`;
  if (link.url.kind !== 'cluster' && /^cluster_enabled:1\r?$/m.test(info))
    return `Redis at ${addressOf(node)} is a node of a Cluster; write redis+cluster:// in CIM_REDIS_URL`;
  return undefined;
}

async function checkConfiguration(
  node: Redis,
  link: RedisLink,
  mode: Durability,
): Promise<string | undefined> {
  const wrong: string[] = [];
  for (const [name, wanted] of Object.entries(WANTED)) {
    let answer: unknown;
    try {
      answer = await link.ask(() => node.config('GET', name));
    } catch (error) {
      const fault = faultOf(error);
      if (fault.kind !== 'request' && fault.kind !== 'settings') throw error;
      return `Redis at ${addressOf(node)} does not tell its configuration (${fault.text}), so CIM_DURABILITY=${mode} cannot be promised; let this user run CONFIG GET, or use fast`;
    }
    // The answer is a list in RESP2 and a map in RESP3; ioredis makes one or the other of it.
    const value: unknown = Array.isArray(answer) ? answer[1] : (answer as Record<string, unknown>)[name];
    if (value !== wanted) wrong.push(`CONFIG SET ${name} ${wanted}`);
  }
  return wrong.length === 0
    ? undefined
    : `Redis at ${addressOf(node)} cannot keep CIM_DURABILITY=${mode}; mend it with: ${wrong.join('; ')} (and in redis.conf)`;
}

async function checkReplicas(node: Redis, link: RedisLink, mode: Durability): Promise<string | undefined> {
  const { isMaster, online } = replicationOf(await link.ask(() => node.info('replication')));
  if (!isMaster) {
    // The servers are changing roles. The configuration of the next master counts.
    link.notice(faultOf('READONLY it is a replica'));
    return undefined;
  }
  const address = addressOf(node);
  if (mode === 'disk')
    return link.url.kind === 'cluster' && online > 0
      ? 'CIM_DURABILITY=disk cannot be kept where a replica can be promoted (this Cluster has replicas); use quorum, or fast'
      : undefined;
  return online > 0
    ? undefined
    : `Redis at ${address} cannot keep CIM_DURABILITY=quorum: no replica of it is online; start one with: replicaof ${address.replace(/:(\d+)$/, ' $1')}, or use disk with one Redis`;
}

async function firstOf(checks: readonly Promise<string | undefined>[]): Promise<string | undefined> {
  return (await Promise.all(checks)).find((problem) => problem !== undefined);
}
