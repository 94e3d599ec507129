import type { UserId } from '@cim/protocol';
import type { Member } from './membership.ts';

export const PLACEMENTS = ['round-robin', 'random', 'consistent-hash'] as const;
export type PlacementName = (typeof PLACEMENTS)[number];

/** Which im-server a login gets: members in the order in which to try them, each once; [] when there is none. */
export interface Placement {
  order(members: readonly Member[], user: UserId): readonly Member[];
}

/** Those that may be chosen, in a new array: a server of CIM's own is listed, but none of ours can call it. */
export const eligible = (members: readonly Member[]): Member[] =>
  members.filter((m) => m.instance !== undefined);
