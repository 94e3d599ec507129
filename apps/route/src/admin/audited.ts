import { CimError } from '@cim/protocol';
import type { FastifyRequest } from 'fastify';
import type { AdminAct, Audit } from './audit.ts';

/**
 * Carries out an act of an operator, and notes it however it ends: `refused` when the request was wrong or names nobody,
 * `failed` when it could not be done now.
 */
export type Audited = <T>(
  request: FastifyRequest,
  act: string,
  target: string,
  work: () => Promise<T>,
) => Promise<T>;

/** @param actorOf the credential that a request showed, by its name */
export function auditedTo(audit: Audit, actorOf: (request: FastifyRequest) => string): Audited {
  return async (request, act, target, work) => {
    const end = (outcome: AdminAct['outcome']): void =>
      audit({ actor: actorOf(request), act, target, from: request.clientAddress, outcome });
    try {
      if (request.clientAddress === '')
        throw new CimError(
          'failure',
          'the connection has gone: nothing is done for an address that is not known',
        );
      const answer = await work();
      end('done');
      return answer;
    } catch (error) {
      end(error instanceof CimError && !error.retryable ? 'refused' : 'failed');
      throw error;
    }
  };
}
