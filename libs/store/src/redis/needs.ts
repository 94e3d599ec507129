/**
 * The table of all commands and kinds of keys that our user needs in Redis. A start tries each of them and
 * names those that Redis' ACL denies; `write-probe.ts` tries them again every few seconds. A test compares
 * the table with the commands that Redis sees.
 */
import { deniesCommand, type Fault, faultOf } from './fault.ts';
import type { Redis } from './ioredis.ts';
import type { RedisLink } from './link.ts';
import type { Durability } from './durability.ts';
import { NAME_TAGS, SHARD_TAGS } from './keys.ts';
import { slotOf } from './slot.ts';
import { addressOf, type RedisUrl } from './url.ts';

/** Parts of a key behind its shard. The id of the owner follows them. */
export const KEY_KINDS = [
  'acct',
  'sess',
  'cur',
  'lease',
  'online',
  'dirty',
  'log',
  'meta',
  'evt',
  'prod',
  'prod-older',
  'key',
  'grp',
  'members',
  'fol',
  'mem',
  'stays',
  'marks',
  'conv',
  'blocks',
  'held',
  'limit',
  'sched',
  'sched-key',
  'mod-past',
] as const;

export interface Need {
  /** The name of the command in ACL. */
  readonly command: string;
  /** Patterns in the syntax of ACL that cover all keys among the words. */
  readonly patterns: readonly string[];
  /** The whole command. When all commands of a table have run, they leave nothing behind. */
  readonly words: readonly [string, ...string[]];
}

const patternOf = (kind: string): string => `{s*}:${kind}:*`;
/** Kinds with one key in a database; notes of groups (`pending`, `ended`) have one in each shard. */
const SINGLE_KINDS = [
  'next-user',
  'looks-entered',
  'next-group',
  'pending',
  'ended',
  'api-keys',
  'bans',
  'bans-until',
  'log-wish',
  'sched-due',
  'sched-claims',
  'sched-refused',
  'webhooks',
  'mod',
  'mod-waiting',
  'mod-allowed',
  'mod-senders',
  'relays',
  'feed',
  'feed-on',
  'feed-relay',
  'letters',
  'present',
  'present-at',
] as const;
/** Kinds of keys for the names of users: hashes. */
const NAME_KINDS = ['names', 'looks', 'subjects'] as const;

/**
 * The needs on the keys of one shard. A write that needs memory comes first: behind another write of the same
 * script Redis would let it pass.
 * @param id distinguishes this process from others
 */
export function shardNeeds(shard: string, id: string): Need[] {
  const of = (kind: (typeof KEY_KINDS)[number]): string => `${shard}:${kind}:probe-${id}`;
  const need = (
    kinds: readonly (typeof KEY_KINDS)[number][],
    command: string,
    ...rest: readonly string[]
  ): Need => ({ command, patterns: kinds.map(patternOf), words: [command, ...kinds.map(of), ...rest] });
  return [
    need(['log'], 'xadd', '*', 'h', ''),
    need(['log'], 'xrange', '-', '+', 'COUNT', '1'),
    need(['log'], 'xtrim', 'MAXLEN', '0'),
    need(['meta'], 'set', ''),
    need(['meta'], 'get'),
    need(['meta'], 'mset', ''),
    need(['meta', 'blocks'], 'mget'),
    need(['limit'], 'set', '1', 'PX', '1'),
    need(['prod'], 'hset', 'f', ''),
    need(['prod'], 'hsetnx', 'f', ''),
    need(['prod'], 'hget', 'f'),
    need(['prod'], 'hmget', 'f'),
    need(['prod'], 'hscan', '0'),
    need(['prod', 'prod-older'], 'rename'),
    need(['lease'], 'incr'),
    need(['lease'], 'pexpire', '1000'),
    need(['lease'], 'pttl'),
    need(['members'], 'zadd', '1', ''),
    need(['members'], 'zrangebyscore', '1', '1'),
    need(['members'], 'zcard'),
    need(['members'], 'zcount', '1', '1'),
    need(['members'], 'zrem', ''),
    need(['members'], 'zremrangebyscore', '1', '1'),
    need(['mem'], 'hkeys'),
    need(['marks'], 'hgetall'),
    need(['dirty'], 'sadd', ''),
    need(['dirty'], 'smembers'),
    need(['key'], 'del'),
    { command: 'time', patterns: [], words: ['time'] },
    // Without such a key or field this changes nothing, but it needs the right to write.
    ...KEY_KINDS.flatMap((kind) => [need([kind], 'exists'), need([kind], 'hdel', '')]),
    ...SINGLE_KINDS.flatMap((kind) =>
      [['exists'] as const, ['hdel', ''] as const].map(([command, ...rest]) => ({
        command,
        patterns: [`{s*}:${kind}`],
        words: [command, `${shard}:${kind}`, ...rest] as const,
      })),
    ),
    // One command per key, so that a user who may not reach one key leaves nothing in the others.
    ...KEY_KINDS.map((kind) => need([kind], 'unlink')),
  ];
}

/** The needs on the names of users. */
export const nameNeeds = (tag: string): Need[] =>
  NAME_KINDS.flatMap((kind) =>
    (['hget', 'hdel'] as const).map((command) => ({
      command,
      patterns: [`{n*}:${kind}`],
      words: [command, `${tag}:${kind}`, ''],
    })),
  );

/** The needs that do not concern keys. */
export function serverNeeds(url: Pick<RedisUrl, 'kind' | 'db'>, mode: Durability): Need[] {
  const need = (command: string, ...words: readonly [string, ...string[]]): Need => ({
    command,
    patterns: [],
    words,
  });
  return [
    need('eval', 'eval', 'return 1', '0'),
    need('evalsha', 'evalsha', '0'.repeat(40), '0'),
    need('info', 'info', 'replication'),
    need('ping', 'ping'),
    ...(mode === 'fast' ? [] : [need('config|get', 'config', 'get', 'appendonly')]),
    ...(mode === 'quorum' ? [need('wait', 'wait', '0', '1')] : []),
    ...(url.db === 0 ? [] : [need('select', 'select', String(url.db))]),
    ...(url.kind === 'cluster'
      ? [
          need('cluster|slots', 'cluster', 'slots'),
          need('cluster|info', 'cluster', 'info'),
          need('asking', 'asking'),
        ]
      : []),
  ];
}

/** A master, and tags of keys that lie on it. */
export interface Target {
  readonly node: Redis;
  readonly shard?: string;
  readonly names?: string;
}

/** One target per master that holds keys of ours. @throws {Error} CLUSTERDOWN: no server holds some of them */
export function targets(link: RedisLink): Target[] {
  const [only, ...others] = link.masters();
  if (only === undefined) throw new Error('CLUSTERDOWN no server of the Cluster is reached');
  if (link.url.kind !== 'cluster')
    return [{ node: only, shard: SHARD_TAGS[0] ?? '', names: NAME_TAGS[0] ?? '' }];
  const byAddress = new Map([only, ...others].map((node) => [addressOf(node), node]));
  const found = new Map<Redis, { shard?: string; names?: string }>();
  for (const [what, tags] of [
    ['shard', SHARD_TAGS],
    ['names', NAME_TAGS],
  ] as const)
    for (const tag of tags) {
      const slot = slotOf(tag);
      const node = byAddress.get(link.masterOf(slot) ?? '');
      if (node === undefined) throw new Error(`CLUSTERDOWN no server holds slot ${slot}`);
      const of = found.get(node) ?? {};
      found.set(node, of);
      of[what] ??= tag;
    }
  return [...found].map(([node, of]) => ({ node, ...of }));
}

/**
 * In one line, the rights that Redis' ACL denies our user, with the command that grants them; undefined when
 * it denies none.
 * @throws {CimError} 4000: Redis does not answer
 */
export async function missingPermissions(
  link: RedisLink,
  mode: Durability,
  id: string,
): Promise<string | undefined> {
  const lines = await Promise.all(
    targets(link).map(async ({ node, shard, names }) => {
      const needs = [
        ...serverNeeds(link.url, mode),
        ...(shard === undefined ? [] : shardNeeds(shard, id)),
        ...(names === undefined ? [] : nameNeeds(names)),
      ];
      const answers = await link.ask(() =>
        Promise.allSettled(needs.map(({ words: [command, ...rest] }) => node.call(command, ...rest))),
      );
      const faults = answers.map((answer) =>
        answer.status === 'rejected' ? faultOf(answer.reason) : undefined,
      );
      return deniedLine(needs, faults, link, addressOf(node));
    }),
  );
  return lines.find((line) => line !== undefined);
}

/** @param faults the fault of each need; undefined for those that succeeded */
export function deniedLine(
  needs: readonly Need[],
  faults: readonly (Fault | undefined)[],
  link: RedisLink,
  address: string,
): string | undefined {
  const commands = new Set<string>();
  const keys = new Set<string>();
  const reached = new Set<string>();
  for (const [i, { command, patterns }] of needs.entries()) {
    const fault = faults[i];
    if (fault?.code !== 'NOPERM') for (const pattern of patterns) reached.add(pattern);
    else if (deniesCommand(fault)) commands.add(command);
    else for (const pattern of patterns.length === 1 ? patterns : []) keys.add(pattern);
  }
  if (commands.size === 0 && keys.size === 0) return undefined;
  // A denied command hides whether the keys are allowed.
  for (const { patterns } of needs)
    for (const pattern of patterns) if (!reached.has(pattern)) keys.add(pattern);
  const user = link.url.username ?? 'default';
  const lacks = [
    ...(commands.size > 0 ? [`the commands ${[...commands].join(' ')}`] : []),
    ...(keys.size > 0 ? [`the keys ${[...keys].join(' ')}`] : []),
  ].join(' and ');
  const grants = [...[...commands].map((name) => `+${name}`), ...[...keys].map((pattern) => `~${pattern}`)];
  return `Redis at ${address} denies the user ${user} ${lacks}; mend it with: ACL SETUSER ${user} ${grants.join(' ')} (then ACL SAVE or CONFIG REWRITE)`;
}
