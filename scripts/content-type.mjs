// A rule of ESLint: only the table of content types tells one type of ours from another. All others ask the table
// (`contentType`, `contentFacts`) what holds for a content, so that a new type is one new row.

const OWN = new Set(['json', 'recall', 'edit', 'reaction', 'member']);

const isOwn = (node) => node?.type === 'Literal' && OWN.has(node.value);
/** Whether an expression reads the type of a content: `type`, `x.type` or `x?.type`. */
const readsType = (node) =>
  node.type === 'ChainExpression'
    ? readsType(node.expression)
    : node.type === 'MemberExpression'
      ? node.property.name === 'type'
      : node.type === 'Identifier' && node.name === 'type';

export const contentTypes = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { type: 'ask contentType() or contentFacts(): only their table tells content types apart' },
  },
  create(context) {
    const report = (node) => context.report({ node, messageId: 'type' });
    return {
      'BinaryExpression[operator=/^[!=]==?$/]'(node) {
        if (readsType(node.left) && isOwn(node.right)) report(node);
        if (isOwn(node.left) && readsType(node.right)) report(node);
      },
      SwitchCase(node) {
        if (isOwn(node.test) && readsType(node.parent.discriminant)) report(node);
      },
      // A list of types, or a table by type, beside the one table.
      ArrayExpression({ elements }) {
        if (elements.length > 1 && elements.every(isOwn)) report(elements[0].parent);
      },
      ObjectExpression(node) {
        const keys = node.properties.map(({ key }) => key?.name ?? key?.value);
        if (keys.filter((key) => OWN.has(key)).length > 1) report(node);
      },
    };
  },
};
