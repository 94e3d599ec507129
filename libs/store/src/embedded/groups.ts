import { CimError } from '@cim/protocol';
import type { Groups } from '../groups.ts';

const missing = (): Promise<never> => Promise.reject(new CimError('failure', 'groups are not built yet'));

export class EmbeddedGroups implements Groups {
  newId = missing;
  find = missing;
  member = missing;
  members = missing;
  memberships = missing;
  areMembers = missing;
  mark = missing;
  markOf = missing;
  follow = missing;
  unfollow = missing;
  settle = missing;
}
