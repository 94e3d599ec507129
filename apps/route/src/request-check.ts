import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { TEXT_LIMITS } from '@cim/protocol';

/**
 * Checks a request by its schema. TypeBox walks a list to its end to describe one wrong item, which held the event
 * loop for more than 50 ms with 125,000 items; so a list that is too long by far is refused before.
 */
export const requestCheck: typeof TypeBoxValidatorCompiler = (route) => {
  const validate = TypeBoxValidatorCompiler(route);
  return (value: unknown) => {
    const problem = route.httpPart === 'body' ? listProblem(value) : undefined;
    return problem === undefined ? validate(value) : { error: [problem] };
  };
};

/** In the shape of a validation error; `batchMsg` is the one list that requests have. */
function listProblem(body: unknown) {
  if (typeof body !== 'object' || body === null || !('batchMsg' in body)) return undefined;
  const list = body.batchMsg;
  if (!Array.isArray(list) || list.length <= TEXT_LIMITS.batchTexts) return undefined;
  return {
    instancePath: '/batchMsg',
    schemaPath: '#/properties/batchMsg/maxItems',
    keyword: 'maxItems',
    params: {},
    message: `has ${list.length} texts; at most ${TEXT_LIMITS.batchTexts} are allowed`,
  };
}
