// npm run bench: sets up and builds when needed, then runs bench/main.ts with the same arguments.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkNode, exclusively, helpAtOnce, install, needs } from './set-up.mjs';

checkNode();
helpAtOnce('bench', process.argv.slice(2));
await install();
needs('tsx');
const { build, upToDate } = await import('./build.mjs');
if (!upToDate()) await exclusively(build);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const args = ['--import', 'tsx', join(root, 'bench', 'main.ts'), ...process.argv.slice(2)];
const child = spawn(process.execPath, args, { stdio: 'inherit' });
// Ctrl-C reaches the child too; it ends what it has started.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
