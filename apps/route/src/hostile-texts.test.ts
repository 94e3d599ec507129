/** The texts of a request that the route reads before any limit applies, built to make it slow. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import type { FastifyRequest } from 'fastify';
import { bearerOf } from './credentials.ts';

const bearer = (authorization: string): string =>
  bearerOf({ headers: { authorization } } as unknown as FastifyRequest);

describe('a text of 8 KiB made to hold a route up', () => {
  it('is read in milliseconds as a header with a secret', () => {
    assertQuick((text) => [bearer(text), bearer(`Bearer ${text}`)]);
  });
});
