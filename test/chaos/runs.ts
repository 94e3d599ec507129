import type { Row, RunOptions } from './row.ts';
import { redisKills, redisLossControl } from './redis-kills.ts';
import { embeddedKills } from './embedded-kills.ts';
import { clusterFailovers, sentinelFailovers } from './failovers.ts';
import { routeFailPoints, serverFailPoints } from './fail-points.ts';
import { linksCut, pushesLost, senderGone } from './link-faults.ts';
import { conversations, mixed } from './mixed.ts';
import { checkerMutants } from './mutants.ts';
import { relayFaults } from './relays.ts';
import { fewServerKills, serverKills } from './server-kills.ts';
import { zooKeeperFaults } from './zookeeper-faults.ts';

export interface Run {
  readonly name: string;
  readonly run: (options: RunOptions) => Promise<Row | Row[]>;
  /** Only with `npm run chaos`: too much happens at once for a failure to show its cause. */
  readonly apart?: true;
}

/** All runs, in the order of the table. */
export const runs: readonly Run[] = [
  { name: 'server-kills', run: serverKills },
  { name: 'server-kills-tls', run: fewServerKills('tls') },
  { name: 'server-kills-ws', run: fewServerKills('ws') },
  { name: 'server-fail-points', run: serverFailPoints },
  { name: 'route-fail-points', run: routeFailPoints },
  { name: 'redis-kills', run: redisKills },
  { name: 'redis-loss-control', run: redisLossControl },
  { name: 'failovers-sentinel', run: sentinelFailovers },
  { name: 'failovers-cluster', run: clusterFailovers },
  { name: 'zookeeper', run: zooKeeperFaults },
  { name: 'links-cut', run: linksCut },
  { name: 'pushes-lost', run: pushesLost },
  { name: 'sender-gone', run: senderGone },
  { name: 'mixed', run: mixed, apart: true },
  { name: 'conversations', run: conversations, apart: true },
  { name: 'embedded-kills', run: embeddedKills, apart: true },
  { name: 'relays', run: relayFaults, apart: true },
  { name: 'mutants', run: checkerMutants },
];
