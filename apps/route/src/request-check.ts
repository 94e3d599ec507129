import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { TEXT_LIMITS } from '@cim/protocol';
import { GROUP_LIMITS } from '@cim/store';

/**
 * Checks a request by its schema. TypeBox walks a list to its end to describe one wrong item, which held the
 * event loop for more than 50 ms with 125,000 items. So a list that is far too long is refused before.
 */
export const requestCheck: typeof TypeBoxValidatorCompiler = (route) => {
  const validate = TypeBoxValidatorCompiler(route);
  return (value: unknown) => {
    const problem = route.httpPart === 'body' ? listProblem(value) : undefined;
    return problem === undefined ? validate(value) : { error: [problem] };
  };
};

/** Most messages of one request. */
export const BATCH_MESSAGES = 100;

/** The lists that requests may have. */
const LISTS = [
  { name: 'batchMsg', items: 'texts', atMost: TEXT_LIMITS.batchTexts },
  { name: 'texts', items: 'texts', atMost: TEXT_LIMITS.batchTexts },
  { name: 'items', items: 'messages', atMost: BATCH_MESSAGES },
  { name: 'users', items: 'users', atMost: GROUP_LIMITS.addedAtOnce },
] as const;

/** The problem in the form of a validation error. */
function listProblem(body: unknown) {
  if (typeof body !== 'object' || body === null) return undefined;
  for (const { name, items, atMost } of LISTS) {
    const list = (body as Readonly<Record<string, unknown>>)[name];
    if (!Array.isArray(list) || list.length <= atMost) continue;
    return {
      instancePath: `/${name}`,
      schemaPath: `#/properties/${name}/maxItems`,
      keyword: 'maxItems',
      params: {},
      message: `has ${list.length} ${items}; at most ${atMost} are allowed`,
    };
  }
  return undefined;
}
