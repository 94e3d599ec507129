// The architecture, checked: imports by dependency-cruiser, and that only config.ts reads the environment.
// Counts what was read: a tool that reads nothing finds nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const files = execFileSync('git', ['ls-files', 'libs/*.ts', 'apps/*.ts', 'test/*.ts'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !file.includes('/generated/'));
const { stdout, stderr } = spawnSync(
  'node_modules/.bin/depcruise',
  ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'libs', 'apps', 'test'],
  { encoding: 'utf8', maxBuffer: 1 << 28 },
);
if (stdout === '') {
  console.error(stderr);
  process.exit(1);
}
const { modules, summary } = JSON.parse(stdout);
const read = new Set(modules.map((module) => module.source));
const problems = files.filter((file) => !read.has(file)).map((file) => `${file} was not read`);
for (const { from, to, rule } of summary.violations) problems.push(`${from} -> ${to}: ${rule.name}`);
const environment = /\bprocess\.env\b/;
for (const file of files) {
  if (/\.test\.ts$|\/config\.ts$|^libs\/testkit\/|^libs\/runtime\/src\/process\.ts$|^test\//.test(file))
    continue;
  if (environment.test(readFileSync(file, 'utf8')))
    problems.push(`${file} reads the environment; config.ts does`);
}
for (const problem of problems) console.error(problem);
console.log(`${files.length} modules, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
