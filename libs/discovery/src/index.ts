/** Which im-servers live (membership, a fact) and which one a login gets (placement, a decision). */
export * from './membership.ts';
export * from './placement.ts';
// openZooKeeperMembership(options: { servers: string; logger: Logger; sessionTimeoutMs?: number }): Membership
// openEmbeddedMembership(): Membership
// createPlacement(name: PlacementName, random?: () => number): Placement
