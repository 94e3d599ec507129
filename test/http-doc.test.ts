/** The curl lines of docs/http.md, run as they stand there against a standalone server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServerProcess } from '@cim/testkit';

const BETWEEN = '=== answer ===';

/** The same fields, in lists too; the values are the server's. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, field]) => [key, shapeOf(field)] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
  );
}

test('every curl line of docs/http.md is answered as the comment behind it says', async () => {
  const page = await readFile('docs/http.md', 'utf8');
  const section = /^## `\/v1`$.*?(?=^## )/ms.exec(page)?.[0] ?? '';
  const lines = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) =>
    (block ?? '').split('\n'),
  );
  const documented = lines
    .filter((line) => line.startsWith('# {'))
    .map((line) => JSON.parse(line.slice(2)) as unknown);
  assert.ok(documented.length >= 5, 'the page has examples');

  const dir = await mkdtemp(join(tmpdir(), 'cim-http-doc-'));
  const server = await ServerProcess.start('standalone', { CIM_DATA_DIR: dir });
  try {
    const script = lines
      .map((line) => (line.startsWith('# {') ? `printf '\\n${BETWEEN}\\n'` : line))
      .join('\n')
      .replace(/^ROUTE=.*$/m, `ROUTE=${server.routeUrl}`);
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
    const answers = stdout.split(`\n${BETWEEN}\n`).slice(0, -1);
    assert.equal(answers.length, documented.length, stdout);
    for (const [i, answer] of answers.entries())
      assert.deepEqual(shapeOf(JSON.parse(answer)), shapeOf(documented[i]), answer);
  } finally {
    await server.end('SIGTERM');
    await rm(dir, { recursive: true, force: true });
  }
});
