/** The type of the application that serves `/v1`, as each resource uses it. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';

export type V1App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export const V1 = '/v1';
/** Whether the path of a URL belongs to `/v1`, which answers problems in its own form. */
export const isV1 = (url: string): boolean => /^\/v1(?:[/?]|$)/.test(url);
