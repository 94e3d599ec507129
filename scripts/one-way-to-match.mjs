// A rule of ESLint, beside those of eslint-plugin-regexp, which do not see this: alternatives under a quantifier that
// begin with the same character, as in /^(\r\n|[\r\n])*x/. Each repetition has two ways to match, and a text that fails
// in the end makes the engine try all of them: 2^40 for 40 line ends.
import { RegExpParser, visitRegExpAST } from '@eslint-community/regexpp';
import { getFirstConsumedChar, toCache } from 'regexp-ast-analysis';

const parser = new RegExpParser();

/** Whether two of the alternatives could match at the same place. */
function overlap(alternatives, flags) {
  const firsts = alternatives.map((alternative) => getFirstConsumedChar(alternative, 'ltr', flags));
  return firsts.some(
    (one, i) => one.empty || firsts.slice(i + 1).some((other) => !one.char.isDisjointWith(other.char)),
  );
}

/** The alternatives under a quantifier that make a pattern ambiguous, as they are written; undefined for none. */
function ambiguous(source) {
  const { pattern, flags } = parser.parseLiteral(source);
  const cache = toCache(flags);
  let found;
  const repeats = [];
  const onGroupEnter = (group) => {
    if (found === undefined && repeats.length > 0 && group.alternatives.length > 1)
      if (overlap(group.alternatives, cache)) found = group.raw;
  };
  visitRegExpAST(pattern, {
    onQuantifierEnter: (quantifier) => {
      if (quantifier.max > 1) repeats.push(quantifier);
    },
    onQuantifierLeave: (quantifier) => {
      if (quantifier.max > 1) repeats.pop();
    },
    onGroupEnter,
    onCapturingGroupEnter: onGroupEnter,
  });
  return found;
}

export const oneWayToMatch = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      ambiguous: '{{group}} is repeated, and two of its alternatives can begin with the same character',
    },
  },
  create: (context) => ({
    'Literal[regex]': (node) => {
      const group = ambiguous(node.raw);
      if (group !== undefined) context.report({ node, messageId: 'ambiguous', data: { group } });
    },
  }),
};
