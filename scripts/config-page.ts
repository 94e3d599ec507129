// Writes docs/config.md from the settings; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { flagOf, type Option, settings } from '../libs/runtime/src/index.ts';

const page = new URL('../docs/config.md', import.meta.url);
const rows = Object.values(settings as Record<string, Option<unknown>>).map(
  ({ env, doc, fallback, secret }) =>
    `| \`${env}\` | \`--${flagOf(env)}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${doc}${secret === true ? ' (never shown)' : ''} |`,
);
const text = `# Settings

Generated from \`libs/runtime/src/settings.ts\` by \`npm run docs:config\`. The same for all programs; each reads those it needs,
and \`--help\` lists them. A flag wins over the environment. A setting that nobody knows is an error, and all errors are told at once.
The variables that Kubernetes sets for its Services (\`CIM_PORT=tcp://...\`, \`CIM_SERVICE_HOST\`) are passed over.

| environment | flag | default | meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(page, text);
else if (readFileSync(page, 'utf8') !== text) {
  console.error('docs/config.md is not what the settings say; run: npm run docs:config');
  process.exitCode = 1;
}
