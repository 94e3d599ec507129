import type { RouteParts } from '../route-parts.ts';
import type { Audited } from './audited.ts';

/** The parts that each resource under `/admin` gets. */
export interface AdminParts {
  readonly parts: RouteParts;
  readonly audited: Audited;
}
