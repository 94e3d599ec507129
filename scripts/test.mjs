// npm test: sets everything up, then every check and every test. `npm test -- WORD` runs only the test files whose
// path has the word in it. Ends with a line "N passed, N failed".
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { failedFiles } from './failed-files.mjs';
import { ensureServices } from './services.mjs';
import { checkNode, exclusively, install, needs } from './set-up.mjs';

checkNode();
await install();
needs('tsx');
try {
  ensureServices();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
const { build, upToDate } = await import('./build.mjs');
if (!upToDate()) await exclusively(build);

const [only, ...extra] = process.argv.slice(2);
if (extra.length > 0) {
  console.error('usage: npm test [-- WORD]');
  process.exit(1);
}

function testFiles(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((item) => {
    const path = join(dir, item.name);
    if (item.isDirectory()) return item.name === 'node_modules' ? [] : testFiles(path);
    return item.name.endsWith('.test.ts') && (only === undefined || path.includes(only)) ? [path] : [];
  });
}

/** Runs a command to its end. Its output is shown when it fails. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ status: 1, output: String(error) }));
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

let passed = 0;
let failed = 0;
let steps = 0;

/** Runs a step, prints its line, and counts it. Answers the output of a step that failed. */
async function step(name, command, args, countsTests = false) {
  const begun = performance.now();
  const { status, output } = await run(command, args);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  // The last count is the runner's own; tests may print similar lines.
  const count = (word) =>
    Number([...output.matchAll(new RegExp(`^# ${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  // A skipped test shows nothing, so none may be skipped.
  const tests = countsTests
    ? { passed: count('pass'), failed: count('fail') + count('cancelled') + count('skipped') + count('todo') }
    : undefined;
  const ran = tests === undefined || tests.passed + tests.failed > 0;
  const ok = status === 0 && ran && (tests?.failed ?? 0) === 0;
  steps++;
  passed += tests?.passed ?? (ok ? 1 : 0);
  failed += tests?.failed ?? (ok ? 0 : 1);
  if (!ok && (tests?.failed ?? 0) === 0 && tests !== undefined) failed++;
  const figures =
    tests === undefined
      ? (output.trim().split('\n').at(-1) ?? '')
      : `${tests.passed} passed, ${tests.failed} failed`;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds} s) ${ok ? figures.slice(0, 80) : ''}`);
  for (const [said] of output.matchAll(/^[ \t]*# (?=not carried out|left open).*$/gm))
    console.log(said.trim());
  if (!ok) console.log(countsTests ? failuresOf(output) : output);
  return ok ? undefined : output;
}

/** More failed files than this are no matter of luck. */
const UNSTEADY_FILES = 3;

/**
 * Runs the files whose tests failed once more, alone. A test that passes then depends on what runs beside it: that is
 * a fault of the test or of what it tests, and the run names it, but it does not count as failed. The fault runs
 * judge every message exactly, so their findings stand.
 */
async function again(name, output) {
  const files = failedFiles(output);
  const stands = files.some((file) => file.includes(join('test', 'chaos')));
  if (files.length === 0 || files.length > UNSTEADY_FILES || stands) return;
  const before = { passed, failed };
  const failedAgain = await test(`${name}, once more and alone`, files, 1, ['--test-force-exit']);
  if (failedAgain !== undefined) {
    // Both runs failed: the first one stands.
    ({ passed, failed } = before);
    return;
  }
  passed = before.passed + failuresIn(output);
  failed = before.failed - failuresIn(output);
  for (const file of files) console.log(`unsteady: ${file} (see its failure above)`);
}

const failuresIn = (output) =>
  ['fail', 'cancelled'].reduce(
    (sum, word) =>
      sum + Number([...output.matchAll(new RegExp(`^# ${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0),
    0,
  );

/** The failures of a TAP report, and the lines beside the report. */
function failuresOf(output) {
  const lines = output.split('\n');
  const kept = lines.flatMap((line, i) =>
    /^\s*(not ok |ok .* # (SKIP|TODO))/.test(line) ? lines.slice(i, i + 30) : [],
  );
  return (kept.length > 0 ? kept : lines.slice(-60)).slice(0, 400).join('\n');
}

const bin = (name) => join('node_modules', '.bin', name);
/** Each test has its own time limit. A whole file of fault runs takes minutes, on a busy machine many. */
const FILE_TIMEOUT_MS = 2_700_000;
const test = (name, files, concurrency, more = []) =>
  files.length === 0
    ? Promise.resolve(undefined)
    : step(
        name,
        process.execPath,
        [
          '--import',
          'tsx',
          '--test',
          '--test-reporter=tap',
          `--test-timeout=${FILE_TIMEOUT_MS}`,
          `--test-concurrency=${concurrency}`,
          ...more,
          ...files,
        ],
        true,
      );

if (only === undefined) {
  await Promise.all([
    step('format', bin('biome'), ['format', '.']),
    step('types', bin('tsc'), ['--noEmit']),
    step('types of pages', bin('tsc'), ['--noEmit', '-p', 'tsconfig.browser.json']),
    step('types of the web chat', bin('tsc'), ['--noEmit', '-p', 'apps/web']),
    step("types of the operators' page", bin('tsc'), ['--noEmit', '-p', 'apps/admin-page']),
  ]);
  await Promise.all([
    step('lint', bin('eslint'), ['--max-warnings=0', '.']),
    step('boundaries', process.execPath, ['scripts/check-boundaries.mjs']),
  ]);
  await Promise.all([
    step('generated code', process.execPath, ['scripts/generate.mjs', '--check']),
    step('dead code', bin('knip'), ['--no-config-hints', '--no-progress']),
    step('documents', process.execPath, ['scripts/check-docs.mjs']),
    step('docs/config.md', process.execPath, ['--import', 'tsx', 'scripts/config-page.ts', '--check']),
  ]);
}
const unit = await test('unit', [...testFiles('libs'), ...testFiles('apps'), ...testFiles('bench')], 2);
// A failed test may leave a client that reconnects for ever. Its file still ends with its last test.
const whole = await test('whole system', testFiles('test'), 2, ['--test-force-exit']);
// Only now: nothing runs beside them.
if (only === undefined) {
  if (unit !== undefined) await again('unit', unit);
  if (whole !== undefined) await again('whole system', whole);
}

if (steps === 0) console.log(`no test file has "${only}" in its path`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && steps > 0 ? 0 : 1);
