/** `npm test` runs files that failed once more. What it does not run again must stay failed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

const { failedFiles } = (await import(new URL('../scripts/failed-files.mjs', import.meta.url).href)) as {
  failedFiles: (output: string) => readonly string[];
};

/** Failures as the TAP report of Node has them. Key: name of the test. Value: where it is. */
const report = (failures: Readonly<Record<string, string>>): string =>
  Object.entries(failures)
    .map(([name, place]) =>
      [
        `# Subtest: ${name}`,
        `    not ok 1 - a part of it`,
        `      ---`,
        `      location: '${process.cwd()}/libs/part.ts:1:1'`,
        `      ...`,
        `not ok 2 - ${name}`,
        `  ---`,
        `  duration_ms: 4.2`,
        `  type: 'suite'`,
        `  location: '${process.cwd()}/${place}'`,
        `  ...`,
        `ok 3 - it passed`,
      ].join('\n'),
    )
    .join('\n');

test('the files of failed tests are found in a report, each once, also that of one that ended by itself', () => {
  const whole = `${process.cwd()}/apps/c.test.ts`;
  const output = report({
    ...{ one: 'libs/a.test.ts:2:7', other: 'libs/a.test.ts:9:7', more: 'test/b.test.ts:1:1' },
    [whole]: 'apps/c.test.ts:1:1',
  });
  assert.deepEqual(failedFiles(output), ['libs/a.test.ts', 'test/b.test.ts', 'apps/c.test.ts']);
});

test('no file is named when one of the failed tests may be of any of several files', () => {
  assert.deepEqual(failedFiles(report({ one: 'libs/a.test.ts:2:7', of: 'libs/store.contract.ts:5:3' })), []);
});
