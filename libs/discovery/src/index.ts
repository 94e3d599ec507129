/** Membership tells which im-servers are alive. Placement chooses the im-server of a login. */
export { createPlacement } from './create-placement.ts';
export { EmbeddedRegistry, openEmbeddedMembership } from './embedded-membership.ts';
export { type Member, type Membership, memberName } from './membership.ts';
export { type Placement, PLACEMENTS, type PlacementName } from './placement.ts';
export { zooKeeperAccess, type ZooKeeperAccess } from './zookeeper-access.ts';
export { openZooKeeperMembership, type ZooKeeperMembershipOptions } from './zookeeper-membership.ts';
