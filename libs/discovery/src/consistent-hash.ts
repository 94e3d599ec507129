import { hash } from 'node:crypto';
import type { UserId } from '@cim/protocol';
import { byName } from './member-list.ts';
import { type Member, memberName } from './membership.ts';
import { eligible, type Placement } from './placement.ts';

/**
 * Gives a user the same server for as long as that server is listed. Each pair of server and user has a weight, a digest of
 * both, and a user's servers are ordered by weight, highest first (rendezvous hashing). A server that leaves hands its
 * users to all the others and moves nobody else's. Servers count by address, so a restart changes nothing.
 */
export const consistentHash: Placement = {
  order: (members, user) =>
    eligible(members)
      .map((member) => ({ member, weight: weightOf(member, user) }))
      // Equal weights are unlikely, but every route must answer the same.
      .sort((a, b) => b.weight - a.weight || byName(a.member, b.member))
      .map(({ member }) => member),
};

/** 48 bits of a digest. */
const weightOf = (member: Member, user: UserId): number =>
  hash('sha256', `${memberName(member)} ${user}`, 'buffer').readUIntBE(0, 6);
