/** Which relay has which partition. Each relay computes it from the list of relays that live. */
import { createHash } from 'node:crypto';

/**
 * The partitions of `relay`. When a relay comes or goes, only the partitions that it gets or had move.
 * @param relays all that live, `relay` among them
 */
export function sharesOf<P extends string>(
  partitions: readonly P[],
  relays: readonly string[],
  relay: string,
): P[] {
  return partitions.filter((partition) => {
    const own = weight(relay, partition);
    return relays.every((other) => other === relay || weight(other, partition) < own);
  });
}

const weight = (relay: string, partition: string): string =>
  createHash('md5').update(`${relay} ${partition}`).digest('hex');
