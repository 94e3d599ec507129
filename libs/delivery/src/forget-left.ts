import type { Member, Membership } from '@cim/discovery';
import type { RpcClient } from '@cim/rpc';

const addressOf = ({ host, httpPort }: Member): string => `${host} ${httpPort}`;

/**
 * Closes the connection to each server that leaves the list, after its running calls. Returns a function that
 * ends this. While the registry is out of reach the list stays as it is, so an outage of the registry closes
 * nothing.
 */
export function forgetLeft(membership: Membership, rpc: Pick<RpcClient, 'forget'>): () => void {
  let before = membership.members();
  return membership.onChange(() => {
    const now = membership.members();
    const listed = new Set(now.map(addressOf));
    for (const member of before) if (!listed.has(addressOf(member))) rpc.forget(member);
    before = now;
  });
}
