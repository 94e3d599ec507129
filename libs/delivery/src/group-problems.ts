import type { CodeName } from '@cim/protocol';
import type { GroupProblem } from '@cim/store';

/** How a group's refusal is told to a person: the code, and a sentence where the code's own does not fit. */
export const GROUP_PROBLEMS: Readonly<
  Record<GroupProblem, { readonly name: CodeName; readonly text?: string }>
> = {
  'no-group': { name: 'unknownGroup' },
  'not-member': { name: 'notMember' },
  'not-allowed': { name: 'notAllowed' },
  muted: { name: 'muted' },
  full: { name: 'groupFull' },
  'no-such-member': { name: 'unknownAccount', text: 'this user is not a member of the group' },
  'owner-stays': { name: 'notAllowed', text: 'the owner cannot leave; transfer the group, or disband it' },
  taken: { name: 'invalid', text: 'a group with this id exists' },
};
