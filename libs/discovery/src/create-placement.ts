import { consistentHash } from './consistent-hash.ts';
import type { Member } from './membership.ts';
import { eligible, type Placement, type PlacementName } from './placement.ts';
import { RoundRobinPlacement } from './rotation.ts';

/**
 * Makes the placement that the settings name. Make one per process: a rotation remembers its position.
 * @param random from 0 to below 1
 */
export function createPlacement(name: PlacementName, random: () => number = Math.random): Placement {
  switch (name) {
    case 'round-robin':
      return new RoundRobinPlacement();
    case 'random':
      return { order: (members) => shuffle(eligible(members), random) };
    case 'consistent-hash':
      return consistentHash;
  }
}

/** Shuffles in place (Fisher and Yates). */
function shuffle(members: Member[], random: () => number): Member[] {
  for (let i = members.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [members[i], members[j]];
    if (a !== undefined && b !== undefined) [members[i], members[j]] = [b, a];
  }
  return members;
}
