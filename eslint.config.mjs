import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';
import { contentTypes } from './scripts/content-type.mjs';
import { oneWayToMatch } from './scripts/one-way-to-match.mjs';
import { streamKind } from './scripts/stream-kind.mjs';

const banned = [
  { selector: 'TSEnumDeclaration', message: 'use a union of literals' },
  { selector: 'TSNonNullExpression', message: 'parse it, or say why it cannot be absent' },
  { selector: 'ExportDefaultDeclaration', message: 'export by name' },
  { selector: 'TSParameterProperty', message: 'declare the field' },
];
const madePatterns = [
  { selector: ':matches(NewExpression, CallExpression)[callee.name="RegExp"]', message: 'write a literal' },
];

/**
 * A regular expression of super-linear cost freezes a program for seconds, or for ever, when somebody writes a text for
 * it. Any pattern may meet such a text one day, so the rules hold for every file, scripts and tests included. They see
 * literals only: a pattern that is put together at run time is refused in programs.
 */
const linearPatterns = {
  plugins: { regexp, local: { rules: { 'one-way-to-match': oneWayToMatch } } },
  rules: {
    'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
    'regexp/no-super-linear-move': ['error', { report: 'potential', ignorePartial: false }],
    'local/one-way-to-match': 'error',
  },
};

export default tseslint.config(
  { ignores: ['**/dist/', '**/generated/', '**/node_modules/'] },
  linearPatterns,
  { files: ['**/*.{ts,tsx}'], extends: tseslint.configs.strictTypeChecked },
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: {
      parserOptions: {
        project: [
          ...['./tsconfig.json', './tsconfig.browser.json'],
          ...['./apps/web/tsconfig.json', './apps/admin-page/tsconfig.json'],
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
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
    files: ['{apps,libs}/*/src/**/*.{ts,tsx}'],
    ignores: ['libs/runtime/src/logger.ts', 'libs/runtime/src/log-file.ts', '**/*.test.ts'],
    rules: {
      // A logger made elsewhere would log a library's error whole, secrets included.
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'pino', message: 'use createLogger of @cim/runtime' }] },
      ],
    },
  },
  {
    files: ['libs/*/src/**/*.ts', 'apps/*/src/**/*.{ts,tsx}'],
    ignores: ['**/*.test.ts', '**/*.contract.ts', 'libs/testkit/**'],
    rules: { 'no-restricted-syntax': ['error', ...banned, ...madePatterns] },
  },
  {
    files: ['{apps,libs}/*/src/**/*.ts'],
    ignores: [
      '**/*.test.ts',
      '**/*.model.ts',
      '**/*.property.ts',
      'libs/protocol/src/ids.ts',
      'libs/store/src/stream-policy.ts',
    ],
    plugins: { streams: { rules: { kind: streamKind } } },
    rules: { 'streams/kind': 'error' },
  },
  {
    // The web chat knows contents by what the SDK tells of them.
    files: ['{apps,libs}/*/src/**/*.ts'],
    ignores: [
      '**/*.test.ts',
      '**/*.model.ts',
      '**/*.property.ts',
      'apps/web/**',
      'libs/protocol/src/content-types.ts',
    ],
    plugins: { contents: { rules: { type: contentTypes } } },
    rules: { 'contents/type': 'error' },
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
