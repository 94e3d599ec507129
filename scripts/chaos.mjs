// npm run chaos [-- --seed N] [--long] [--only NAME]: breaks a cluster in every way there is, and prints what was found.
import { spawnSync } from 'node:child_process';
import { ensureServices } from './services.mjs';
import { checkNode, exclusively, install } from './set-up.mjs';

checkNode();
await install();
try {
  ensureServices();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const { build, upToDate } = await import('./build.mjs');
if (!upToDate()) await exclusively(build);

const args = ['--import', 'tsx', 'test/chaos/main.ts', ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1);
