// Writes docs/config.md from the settings and scripts/help.json from what the built programs say; `--check` only compares.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseOptions } from '../bench/options.ts';
import { flagOf, type Option, settings } from '../libs/runtime/src/index.ts';

const PROGRAMS = ['standalone', 'cli-client', 'route', 'im-server', 'relay', 'cim'];

const rows = Object.values(settings as Record<string, Option<unknown>>).map(
  ({ env, doc, fallback, secret }) =>
    `| \`${env}\` | \`--${flagOf(env)}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${doc}${secret === true ? ` (never shown; a file with it: \`${env}_FILE\`, \`--${flagOf(env)}-file\`)` : ''} |`,
);
const page = `# Settings

Generated from \`libs/runtime/src/settings.ts\` by \`npm run docs:config\`. The same for all programs; each reads those it needs,
and \`--help\` lists them. A flag wins over the environment. A setting that nobody knows is an error, and all errors are told at once.
A secret as a flag is warned about: everybody on the machine can list processes. Use its variable, or a file whose first line it is.
The variables that Kubernetes sets for its Services (\`CIM_PORT=tcp://...\`, \`CIM_SERVICE_HOST\`) are passed over.

| environment | flag | default | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;

const helpOf = (program: string): string =>
  execFileSync(process.execPath, [`dist/${program}.js`, '--help'], { encoding: 'utf8' });
// `npm run route -- --help` and the others print it before anything is installed or built.
const bench = parseOptions(['--help']);
const texts = [
  ...PROGRAMS.map((program) => [program, helpOf(program)]),
  ['bench', bench.kind === 'help' ? `${bench.text.trimEnd()}\n` : ''],
];
const helps = `${JSON.stringify(Object.fromEntries(texts), null, 2)}\n`;

for (const [name, text] of [
  ['docs/config.md', page],
  ['scripts/help.json', helps],
] as const) {
  const file = new URL(`../${name}`, import.meta.url);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${name} is not what the settings say; run: npm run docs:config`);
    process.exitCode = 1;
  }
}
