// Checks the arrows of .dependency-cruiser.cjs, that every folder has its arrows, and that only config.ts reads the
// environment. Counts what was read: a tool that reads nothing finds nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const ENVIRONMENT = /\bprocess\s*(\?\.|\.|\[['"])\s*env\b|\benv\b[^;]*from 'node:process'/;
/** Programs get it through `config.ts`, from the one reader; tests and the processes they start are on their own. */
const MAY_READ_IT =
  /\.(test|contract|model)\.ts$|\/config\.ts$|^libs\/testkit\/|^libs\/runtime\/src\/process\.ts$|^test\/|\/test\//;
const FEWEST = 100;

const files = execFileSync('git', ['ls-files', 'libs/*.ts', 'apps/*.ts', 'test/*.ts', 'bench/*.ts'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.includes('/generated/') && existsSync(file));
const { stdout, stderr } = spawnSync(
  'node_modules/.bin/depcruise',
  [
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    'libs',
    'apps',
    'test',
    'bench',
    'scripts',
  ],
  { encoding: 'utf8', maxBuffer: 1 << 28 },
);
if (stdout === '') {
  console.error(stderr);
  process.exit(1);
}
const { modules, summary } = JSON.parse(stdout);
const read = new Set(modules.map((module) => module.source));
const problems = files.filter((file) => !read.has(file)).map((file) => `${file} was not read`);
if (files.length < FEWEST) problems.push(`only ${files.length} files are tracked: is this the repository?`);
for (const { from, to, rule } of summary.violations) problems.push(`${from} -> ${to}: ${rule.name}`);

const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const ruled = forbidden.map(({ from }) => from.path);
for (const folder of new Set(files.map((file) => file.split('/').slice(0, 2).join('/'))))
  if (/^(libs|apps)\//.test(folder) && !ruled.includes(`^${folder}/`))
    problems.push(`${folder} has no arrows in .dependency-cruiser.cjs`);

for (const file of files)
  if (!MAY_READ_IT.test(file) && ENVIRONMENT.test(readFileSync(file, 'utf8')))
    problems.push(`${file} reads the environment; config.ts does`);

for (const problem of problems) console.error(problem);
console.log(`${files.length} modules, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
