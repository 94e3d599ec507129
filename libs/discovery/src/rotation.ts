import type { Member } from './membership.ts';
import { memberName } from './membership.ts';
import { eligible, type Placement } from './placement.ts';
import { byName } from './member-list.ts';

/** Strict rotation: a login begins at the server that follows, by name, the server of the login before. The list may change between the two. */
export class RoundRobinPlacement implements Placement {
  #last = '';

  order(members: readonly Member[]): readonly Member[] {
    const sorted = eligible(members).sort(byName);
    const next = sorted.findIndex((member) => memberName(member) > this.#last);
    const start = Math.max(next, 0);
    const order = [...sorted.slice(start), ...sorted.slice(0, start)];
    if (order[0] !== undefined) this.#last = memberName(order[0]);
    return order;
  }
}
