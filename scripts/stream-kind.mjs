// A rule of ESLint: only the files that it is not told to look at ask a stream for its kind. All others ask for the
// stream's policy, owner or group, so that what holds for a kind of stream stands in one table.

/** Whether one of the values of a type is the literal 'inbox', as it is for the kind of a stream and for no other kind. */
const hasInbox = (type) =>
  (type.isUnion() ? type.types : [type]).some((of) => of.isStringLiteral() && of.value === 'inbox');

export const streamKind = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { kind: 'ask for policyOf, ownerOf, groupOf or ofStream: only they tell streams apart' },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    return {
      'MemberExpression[property.name="kind"]'(node) {
        if (hasInbox(services.getTypeAtLocation(node))) context.report({ node, messageId: 'kind' });
      },
    };
  },
};
