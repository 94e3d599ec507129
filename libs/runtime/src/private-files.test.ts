import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { makePrivate, secretInFile } from './private-files.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o7777;

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'cim-private-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a folder and its files are closed to others, whatever they were before; strange files are left alone', (t) => {
  const dir = folder(t);
  chmodSync(dir, 0o755);
  const outside = join(folder(t), 'outside');
  for (const path of [join(dir, 'ours.log'), join(dir, 'theirs'), outside]) {
    writeFileSync(path, '');
    chmodSync(path, 0o644);
  }
  symlinkSync(outside, join(dir, 'ours.link'));
  makePrivate(dir, (name) => name.startsWith('ours'));
  assert.deepEqual(
    [dir, join(dir, 'ours.log'), join(dir, 'theirs'), outside].map(modeOf),
    [0o700, 0o600, 0o644, 0o644],
  );
});

test('a folder that is not there is made for its owner alone, and one that many share is not closed', (t) => {
  const dir = folder(t);
  makePrivate(join(dir, 'a', 'b'), () => true);
  assert.deepEqual([modeOf(join(dir, 'a')), modeOf(join(dir, 'a', 'b'))], [0o700, 0o700]);
  const shared = join(dir, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  makePrivate(shared, () => true);
  assert.equal(modeOf(shared), 0o1777);
});

test('a secret is made once, for its owner alone, and read the next time', (t) => {
  const path = join(folder(t), 'secret');
  const secret = secretInFile(path);
  assert.ok(secret.length >= 32);
  assert.equal(modeOf(path), 0o600);
  chmodSync(path, 0o644);
  assert.equal(secretInFile(path), secret);
  assert.equal(modeOf(path), 0o600);
  assert.notEqual(secretInFile(join(folder(t), 'secret')), secret);
  writeFileSync(path, 'short\n');
  assert.throws(() => secretInFile(path), /^Error: [^\n]*holds no secret[^\n]*remove it[^\n]*$/);
  assert.throws(() => secretInFile(join(path, 'x')), /^Error: [^\n]*cannot be written \(ENOTDIR\)$/);
});

test('a process that ends while it writes the secret leaves nothing that refuses the next start', (t) => {
  const path = join(folder(t), 'secret');
  const program = `import(${JSON.stringify(new URL('private-files.ts', import.meta.url).href)}).then((m) => m.secretInFile(${JSON.stringify(path)}))`;
  // The process may make the file but not write to it.
  const { status } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 0; exec "$0" --import tsx -e "$1"', process.execPath, program],
    { env: { ...process.env, TSX_DISABLE_CACHE: '1' }, stdio: 'pipe' },
  );
  assert.notEqual(status, 0);
  assert.ok(!existsSync(path));
  assert.ok(secretInFile(path).length >= 32);
});
