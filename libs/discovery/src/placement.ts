import type { UserId } from '@cim/protocol';
import type { Member } from './membership.ts';

export const PLACEMENTS = ['round-robin', 'random', 'consistent-hash'] as const;
export type PlacementName = (typeof PLACEMENTS)[number];

/** Which im-server a login gets: members in the order in which to try them, each once; [] when there is none. */
export interface Placement {
  order(members: readonly Member[], user: UserId): readonly Member[];
}
