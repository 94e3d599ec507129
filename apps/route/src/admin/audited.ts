import { CimError } from '@cim/protocol';
import type { FastifyRequest } from 'fastify';
import type { AdminAct, Audit } from './audit.ts';

/**
 * Carries out an act of an operator and logs how it ended: `refused` when the request was wrong or its object
 * does not exist, `failed` when it could not be done now.
 */
export type Audited = <T>(
  request: FastifyRequest,
  act: string,
  target: string,
  work: () => Promise<T>,
) => Promise<T>;

/** @param actorOf answers the name of the credential that a request showed */
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
