// What `npm start`, `npm run chat`, `npm run route` and `npm run im-server` call: set up when needed, then run the
// program in this very process, so that signals, the terminal and the exit code are its own.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkNode, exclusively, install } from './set-up.mjs';

checkNode();
const [app, ...args] = process.argv.slice(2);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
if (app === undefined || !existsSync(join(root, 'apps', app, 'src', 'main.ts'))) {
  console.error(
    'usage: node scripts/run.mjs standalone|cli-client|route|im-server [--help] [--flag value ...]',
  );
  process.exit(1);
}
await install();
const { build, upToDate } = await import('./build.mjs');
if (!upToDate()) await exclusively(build);
const program = join(root, 'dist', `${app}.js`);
process.argv = [process.argv[0], program, ...args];
await import(pathToFileURL(program).href);
