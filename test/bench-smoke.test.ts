/** The load tool against a server of its own, small: what it says about arrival must be true for it to be of use. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

interface Report {
  readonly workload: string;
  readonly figures: readonly { readonly name: string; readonly value: number }[];
  readonly floors: readonly unknown[];
  readonly problems: readonly string[];
}

test('every workload of the load tool runs, and all that it sends arrives once', {
  timeout: 120_000,
}, async () => {
  const args = ['--import', 'tsx', 'bench/main.ts', '--smoke', '--json'];
  const size = ['--connections', '40', '--rate', '100', '--seconds', '1', '--workers', '2'];
  const child = spawn(process.execPath, [...args, ...size], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, said, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.once('exit', resolve)),
  ]);
  assert.equal(code, 0, said + out);
  const reports = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Report);
  assert.deepEqual(
    new Set(reports.map(({ workload }) => workload)),
    new Set(['connect', 'p2p', 'group', 'offline', 'mix']),
  );
  for (const { workload, figures, floors, problems } of reports) {
    assert.deepEqual(problems, []);
    assert.ok(floors.length > 0, `${workload} has a floor`);
    for (const { name, value } of figures) assert.ok(Number.isFinite(value), `${name} of ${workload}`);
  }
});
