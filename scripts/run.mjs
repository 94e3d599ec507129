// What `npm start`, `npm run chat`, `npm run cim`, `npm run route`, `npm run im-server` and `npm run relay` call: set up when needed, then run the
// program in this very process, so that signals, the terminal and the exit code are its own.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkNode, exclusively, giveUp, helpAtOnce, install, load, noteOtherPackages } from './set-up.mjs';

checkNode();
const [app, ...args] = process.argv.slice(2);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const APPS = ['standalone', 'cli-client', 'route', 'im-server', 'relay', 'cim'];
if (!APPS.includes(app)) giveUp(`usage: node scripts/run.mjs ${APPS.join('|')} [--help] [--flag value ...]`);
// The help of a part of `cim` is in that part.
if (app !== 'cim' || args[0] === '--help') helpAtOnce(app, args);
const program = join(root, 'dist', `${app}.js`);
// Where only what was built has been copied to there is nothing to build.
const hasSources = existsSync(join(root, 'apps', app, 'src', 'main.ts'));
if (hasSources || !existsSync(program)) {
  await install();
  const { build, upToDate } = await import('./build.mjs');
  if (!upToDate()) await exclusively(build);
}
noteOtherPackages();
process.argv = [process.argv[0], program, ...args];
await load(pathToFileURL(program).href);
