// npm run test:node24: the tests once more on Node 24, from the npm package `node` in a temporary folder.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const scratch = mkdtempSync(join(tmpdir(), 'cim-node24-'));
try {
  const options = { stdio: 'inherit' };
  const installed = spawnSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefix', scratch, 'node@24'],
    options,
  );
  const bin = join(scratch, 'node_modules', 'node', 'bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const version = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' });
  if (installed.status !== 0 || !/^v24\./.test(version.stdout ?? '')) {
    console.error('Node 24 could not be installed from npm');
    process.exitCode = 1;
  } else {
    console.log(`testing on Node ${version.stdout.trim()}`);
    process.exitCode =
      spawnSync(join(bin, 'node'), ['scripts/test.mjs', ...process.argv.slice(2)], { ...options, env })
        .status ?? 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
