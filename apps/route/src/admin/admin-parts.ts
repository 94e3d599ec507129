import type { FastifyRequest } from 'fastify';
import type { RouteParts } from '../route-parts.ts';
import type { Audit } from './audit.ts';

/** What each resource under `/admin` is given. */
export interface AdminParts {
  readonly parts: RouteParts;
  readonly audit: Audit;
  /** The credential that a request showed, by its name. */
  readonly actorOf: (request: FastifyRequest) => string;
}
