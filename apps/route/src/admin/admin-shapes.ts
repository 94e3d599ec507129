/** Shapes and documentation that several resources under `/admin` share. */
import type { TObject } from 'typebox';
import { Type } from 'typebox';
import { documented, NamedUserShape, oneOf, type Operation } from '../v1/shapes.ts';

/**
 * The schema of an operation, as `documented` makes it. Every operation needs the admin token, or an API key
 * with the scope `admin`.
 */
export function adminOperation<R extends { body?: TObject; querystring?: TObject; params?: TObject }>(
  request: R,
  operation: Omit<Operation, 'open' | 'known' | 'keyed'>,
) {
  return { ...documented(request, operation), security: [{ adminToken: [] }, { apiKey: ['admin'] }] };
}

/**
 * Options of a resource that checks its requests itself: its refusals are then in the audit log, and say more
 * than a schema could. The schema only describes the requests.
 */
export const CHECKED_BY_HAND = { validatorCompiler: () => () => true } as const;

export const unknownText = Type.Optional(
  Type.String({ description: 'there when this is not known: why, for people' }),
);

/** A fact that is true, false or unknown. */
export const FindingShape = Type.Object({
  is: oneOf(['yes', 'no', 'unknown'], '`unknown` is never said for a plain no'),
  why: Type.Optional(Type.String({ description: 'what a plain yes or no would hide, for people' })),
});
export type Finding = { is: 'yes' | 'no' | 'unknown'; why?: string };
export const yes: Finding = { is: 'yes' };
export const no = (why?: string): Finding => ({ is: 'no', ...(why !== undefined && { why }) });
export const unknown = (why: string): Finding => ({ is: 'unknown', why });

export const userParam = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'id or exact name of a user',
});
export { NamedUserShape };
