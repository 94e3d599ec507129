import type { Member, Membership } from '@cim/discovery';
import type { RpcClient } from '@cim/rpc';

const addressOf = ({ host, httpPort }: Member): string => `${host} ${httpPort}`;

/**
 * From now on the connection to a server that has left the list ends when its calls have. Answers how to stop.
 * The list stays as it is while the registry is out of reach, so an outage of it cuts nothing.
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
