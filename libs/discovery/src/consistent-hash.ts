import { createHash } from 'node:crypto';
import type { UserId } from '@cim/protocol';
import { sameMembers } from './member-list.ts';
import { type Member, memberName } from './membership.ts';
import { eligible, type Placement } from './placement.ts';

/** Shares differ by about a tenth (standard deviation). A multiple of the points that one digest makes. */
const POINTS_PER_MEMBER = 160;
const POINTS_PER_DIGEST = 8;

interface Point {
  readonly at: number;
  readonly member: Member;
}

/**
 * A user has the same server for as long as it is listed: servers and users are points on a ring, and a user's is the
 * first server onwards. One that leaves hands its users to all the others and moves nobody else's. Servers count by
 * address, so that a restart changes nothing.
 */
export class ConsistentHashPlacement implements Placement {
  #ring: readonly Point[] = [];
  #builtFrom: readonly Member[] = [];
  #members = 0;

  order(members: readonly Member[], user: UserId): readonly Member[] {
    // A membership answers the same array until something changes; a caller may have made its own of it.
    if (members !== this.#builtFrom && !sameMembers(members, this.#builtFrom)) {
      const chosen = eligible(members);
      this.#ring = buildRing(chosen);
      this.#members = chosen.length;
      this.#builtFrom = members;
    }
    const start = firstAtOrAfter(this.#ring, digest(`user ${user}`).readUInt32BE(0));
    const order = new Set<Member>();
    for (let i = 0; i < this.#ring.length && order.size < this.#members; i++) {
      const point = this.#ring[(start + i) % this.#ring.length];
      if (point !== undefined) order.add(point.member);
    }
    return [...order];
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

const buildRing = (members: readonly Member[]): readonly Point[] =>
  members.flatMap(pointsOf).sort((a, b) => a.at - b.at);

function pointsOf(member: Member): Point[] {
  const points: Point[] = [];
  for (let i = 0; i < POINTS_PER_MEMBER / POINTS_PER_DIGEST; i++) {
    const bytes = digest(`${memberName(member)} ${i}`);
    for (let j = 0; j < POINTS_PER_DIGEST; j++) points.push({ at: bytes.readUInt32BE(j * 4), member });
  }
  return points;
}

function firstAtOrAfter(ring: readonly Point[], at: number): number {
  let [low, high] = [0, ring.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ring[middle]?.at ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
