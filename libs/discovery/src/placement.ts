import type { UserId } from '@cim/protocol';
import type { Member } from './membership.ts';

export const PLACEMENTS = ['round-robin', 'random', 'consistent-hash'] as const;
export type PlacementName = (typeof PLACEMENTS)[number];

/** Orders the members in which a login tries them, each once. Returns [] when no member may be chosen. */
export interface Placement {
  order(members: readonly Member[], user: UserId): readonly Member[];
}

/**
 * Returns the members that may be chosen, in a new array. Servers of CIM's own are left out: our servers cannot call them.
 * Servers whose sessions are moving away are left out too, unless there is no other: a login there is better than none.
 */
export function eligible(members: readonly Member[]): Member[] {
  const ours = members.filter((m) => m.instance !== undefined);
  const staying = ours.filter((m) => m.moving === undefined);
  return staying.length > 0 ? staying : ours;
}
