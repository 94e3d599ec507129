import tseslint from 'typescript-eslint';

const banned = [
  { selector: 'TSEnumDeclaration', message: 'use a union of literals' },
  { selector: 'TSNonNullExpression', message: 'parse it, or say why it cannot be absent' },
  { selector: 'ExportDefaultDeclaration', message: 'export by name' },
  { selector: 'TSParameterProperty', message: 'declare the field' },
];

export default tseslint.config(
  { ignores: ['**/dist/', '**/generated/', '**/node_modules/', '**/*.mjs', '**/*.cjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': ['error', ...banned],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A runner, a registry: things with one method are classes here when they hold state.
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
  {
    files: ['**/*.test.ts', '**/*.contract.ts', 'libs/testkit/**'],
    rules: {
      // node:test answers a promise for every case; the runner waits for it.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              name: ['test', 'describe', 'it', 'suite', 'before', 'after'],
              package: 'node:test',
            },
          ],
        },
      ],
    },
  },
);
