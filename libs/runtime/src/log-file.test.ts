import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const UNREAD = fileURLToPath(new URL('../test/unread-program.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../test/logging-program.ts', import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cim-log-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a program that logs this many lines of about 1,000 bytes into files of 1 MB. */
function run(path: string, lines: number, kept = 14) {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ['--import', 'tsx', PROGRAM, path, String(lines), String(kept)],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, timeout: 20_000 },
  );
  return { status, stderr, stdout };
}

const files = (): string[] => readdirSync(dir).sort();
const count = (text: string): number => text.split('"msg":"a line"').length - 1;

describe('a log file', () => {
  test('has what standard error has, in files of the day that are followed by another one at their size', () => {
    const { status, stderr } = run(join(dir, 'deep', 'im-server.log'), 1_500);
    assert.equal(status, 0, stderr.slice(0, 500));
    assert.equal(count(stderr), 1_500);
    const names = readdirSync(join(dir, 'deep'));
    assert.ok(names.length >= 2, names.join());
    for (const name of names) assert.match(name, /^im-server\.\d{4}-\d\d-\d\d\.\d+\.log$/);
    const written = names.map((name) => readFileSync(join(dir, 'deep', name), 'utf8')).join('');
    assert.equal(count(written), 1_500);
  });

  test('makes room: so many older ones are kept', () => {
    run(join(dir, 'route.log'), 2_500, 1);
    assert.ok(files().length <= 2, files().join());
  });

  test('loses its own lines only when the disk is full, and says so at most once a minute', () => {
    const day = new Date();
    const date = [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) =>
      String(part).padStart(2, '0'),
    );
    symlinkSync('/dev/full', join(dir, `route.${date.join('-')}.1.log`));
    const { status, stderr } = run(join(dir, 'route.log'), 1_500);
    assert.equal(status, 0, stderr.slice(-500));
    assert.equal(count(stderr), 1_500);
    assert.equal(stderr.split('"msg":"log-file.failed').length - 1, 1);
    assert.match(stderr, /"why":"ENOSPC"/);
  });

  test('that cannot be opened ends the start with one line', () => {
    writeFileSync(join(dir, 'file'), '');
    const { status, stderr } = run(join(dir, 'file', 'route.log'), 1);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^route: CIM_LOG_FILE is .*\/file\/route\.log, where no file can be written \((EEXIST|ENOTDIR)\)\n$/,
    );
  });
});

test('a standard error that nobody reads loses lines and holds no memory', async (t) => {
  const args = ['--expose-gc', '--import', 'tsx', UNREAD];
  const program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => program.kill('SIGKILL'));
  const [heap] = (await once(program.stdout, 'data')) as [Buffer];
  assert.ok(Number(heap) < 40, `${Number(heap)} MB`);
});
