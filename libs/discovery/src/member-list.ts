import { type Member, memberName } from './membership.ts';

/** The order of every list of members: by name, byte by byte, the same on every machine. */
export function byName(a: Member, b: Member): number {
  const [left, right] = [memberName(a), memberName(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether two ordered lists say the same. */
export const sameMembers = (a: readonly Member[], b: readonly Member[]): boolean =>
  a.length === b.length &&
  a.every((one, i) => {
    const other = b[i];
    return (
      other !== undefined &&
      memberName(one) === memberName(other) &&
      one.instance === other.instance &&
      one.version === other.version &&
      one.startedAt === other.startedAt
    );
  });
