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
      // `return this.close('idle')` ends a branch; what it returns is nothing.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // protobufjs types what it decodes as plain shapes of its own classes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Code points are what is meant: names and limits are counted in them.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A runner, a registry: things with one method are classes here when they hold state.
      '@typescript-eslint/no-extraneous-class': 'off',
    },
  },
  {
    files: ['{apps,libs}/*/src/**/*.ts'],
    ignores: ['libs/runtime/src/logger.ts', '**/*.test.ts'],
    rules: {
      // A logger made elsewhere would log a library's error whole, secrets included.
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'pino', message: 'use createLogger of @cim/runtime' }] },
      ],
    },
  },
  {
    files: ['**/*.test.ts', '**/*.contract.ts', 'libs/testkit/**'],
    rules: {
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
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
