import { RETENTION } from './streams.ts';

/** Ended memberships that are remembered of one user. Of one that is forgotten, a device that was away all the time gets nothing more. */
export const STAYS = { most: 256, keptMs: RETENTION.keptMs } as const;
