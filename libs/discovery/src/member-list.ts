import { type Member, memberName } from './membership.ts';

/** Orders a list of members by name, byte by byte, so that every machine has the same order. */
export function byName(a: Member, b: Member): number {
  const [left, right] = [memberName(a), memberName(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Tells whether two ordered lists hold the same members. */
export const sameMembers = (a: readonly Member[], b: readonly Member[]): boolean =>
  a.length === b.length &&
  a.every((one, i) => {
    const other = b[i];
    return (
      other !== undefined &&
      memberName(one) === memberName(other) &&
      one.instance === other.instance &&
      one.version === other.version &&
      one.startedAt === other.startedAt &&
      one.tls === other.tls &&
      one.moving === other.moving
    );
  });
