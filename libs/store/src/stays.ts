import { RETENTION } from './streams.ts';

/**
 * Ended memberships that are remembered for one user. A device that was away all the time gets nothing more
 * of a forgotten one.
 */
export const STAYS = { most: 256, keptMs: RETENTION.keptMs } as const;
