// Checks that files, headings, npm scripts, source files and tests that the documents name exist.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { translationProblems } from './translations.mjs';

const tracked = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n').filter(Boolean);
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
/** Files made by a build or a program, never committed. */
const MADE = /^(dist|node_modules|\.cim)\b/;
/** A name such as `x.test.ts` stands for any. */
const PATTERN = /^x\./;
const problems = [];

const headings = (text) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const pages = tracked.filter((file) => file.endsWith('.md') && existsSync(file));
for (const page of pages) {
  const text = readFileSync(page, 'utf8');
  const say = (problem) => problems.push(`${page}: ${problem}`);
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path, anchor] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(file)) say(`${target} is not there`);
    else if (anchor !== undefined && !headings(readFileSync(file, 'utf8')).includes(anchor))
      say(`${file} has no heading #${anchor}`);
  }
  // A page of the lab records its time, so the files that it names may be gone.
  if (page.startsWith('docs/lab/')) continue;
  for (const [, name] of text.matchAll(/\bnpm run ([\w:-]+)/g))
    if (scripts[name] === undefined) say(`there is no npm script ${name}`);
  for (const [, name] of text.matchAll(/`([\w./-]+\.(?:ts|mjs|proto|yaml))`/g))
    if (!MADE.test(name) && !PATTERN.test(name) && !tracked.some((file) => `/${file}`.endsWith(`/${name}`)))
      say(`there is no file ${name}`);
  // A test that is named after its file.
  for (const [, name, title] of text.matchAll(/`([\w./-]+\.ts)` "([^"]+)"/g)) {
    const files = tracked.filter((file) => `/${file}`.endsWith(`/${name}`) && existsSync(file));
    if (!files.some((file) => readFileSync(file, 'utf8').includes(title)))
      say(`${name} has no test "${title}"`);
  }
  for (const [, name] of text.matchAll(/`((?:libs|apps|docs|scripts|test)\/[\w./-]+)`/g))
    if (!existsSync(name)) say(`there is no ${name}`);
  for (const [path] of text.matchAll(/(?<![\w.])\/(?:root|home|Users|work)\/\S+/g))
    say(`${path} is a path of one machine`);
}
/** Each translation is compared with its original. */
const TRANSLATIONS = [['README.md', 'README.zh-CN.md']];
for (const names of TRANSLATIONS)
  problems.push(...translationProblems(names, ...names.map((name) => readFileSync(name, 'utf8'))));
for (const problem of problems) console.error(problem);
if (pages.length === 0) console.error('no pages were read');
console.log(`${pages.length} pages, ${problems.length} problems`);
process.exit(problems.length === 0 && pages.length > 0 ? 0 : 1);
