/** The built servers where the system allows too few open files. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

for (const program of ['standalone', 'route', 'im-server'])
  test(`${program} does not start with 64 open files, and says in one line what is needed`, async () => {
    const file = fileURLToPath(new URL(`../dist/${program}.js`, import.meta.url));
    const { code, out, errors } = await new Promise<{ code: unknown; out: string; errors: string }>(
      (resolve) => {
        execFile(
          'sh',
          ['-c', `ulimit -n 64; exec "${process.execPath}" "${file}"`],
          { timeout: 20_000 },
          (error, out, errors) => resolve({ code: error?.code, out, errors }),
        );
      },
    );
    assert.deepEqual([code, out], [1, '']);
    assert.match(
      errors,
      new RegExp(`^${program}: [^\n]* 64 open files; it needs 256,[^\n]*ulimit -n [^\n]*\n$`),
    );
  });
