import type { RouteParts } from '../route-parts.ts';
import type { Audited } from './audited.ts';

/** What each resource under `/admin` is given. */
export interface AdminParts {
  readonly parts: RouteParts;
  readonly audited: Audited;
}
