/**
 * Runs every workload once, in a small size. It shows that everything arrives, and how the server compares
 * with a bare one. No time makes it fail.
 */
import type { Options, Workload } from './options.ts';

export function smokeRuns(given: Options): (Options & { readonly workload: Workload })[] {
  const pairs = Math.max(1, Math.floor(given.connections / 10));
  const small = { ...given, warmup: 0, pairs, findRate: false };
  return [
    { ...small, workload: 'connect', rate: given.rate },
    { ...small, workload: 'p2p' },
    { ...small, workload: 'p2p', via: 'http' },
    { ...small, workload: 'p2p', wire: 'cim', via: 'http' },
    { ...small, workload: 'group', rate: 10, burst: 5 },
    { ...small, workload: 'group', wire: 'cim', via: 'http', rate: 5 },
    { ...small, workload: 'group', wire: 'ws', rate: 10, floor: false },
    { ...small, workload: 'offline', connections: pairs, backlog: 300 },
    { ...small, workload: 'mix', groupRate: 2 },
  ];
}
