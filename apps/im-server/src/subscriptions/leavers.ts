import { leaversOf, membersToldBy, type UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';

/** The users whose membership of a group an entry ends; `all`: the group is disbanded. */
export type Leavers = 'all' | readonly UserId[];

/** Undefined for an entry that ends no membership. Only servers write entries that do. */
export function leaversBy({ content, sender }: Entry): Leavers | undefined {
  const told = membersToldBy(content, sender);
  const leavers = told === undefined ? [] : leaversOf(told);
  return leavers.length === 0 ? undefined : leavers;
}
