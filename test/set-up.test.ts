/** `npm start`, `npm run chat` and the others in checkouts that somebody else has set up, in part or not at all. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let checkout: string;

before(() => {
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { cwd: ROOT });
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-set-up-'));
  checkout = join(folder, 'checkout');
  const copied = ['scripts', 'apps', 'libs', 'dist', 'package.json', 'package-lock.json'];
  const filter = (path: string): boolean => !path.includes('node_modules');
  for (const name of copied) cpSync(join(ROOT, name), join(checkout, name), { recursive: true, filter });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As a package manager leaves it, without some packages. */
function addModules(...without: string[]): void {
  mkdirSync(join(checkout, 'node_modules'));
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (!name.startsWith('.') && !without.includes(name))
      symlinkSync(join(ROOT, 'node_modules', name), join(checkout, 'node_modules', name));
}

/** What stands there, and when it was changed. */
const modules = (): unknown => [
  readdirSync(join(checkout, 'node_modules')),
  statSync(join(checkout, 'node_modules')).mtimeMs,
];

/** An `npm` that notes how it was called, and fails as it does without a network. */
function fakeNpm(): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const calls = join(folder, 'npm-calls');
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$@" >> '${calls}'\nexit 1\n`, { mode: 0o755 });
  return bin;
}

function run(...args: string[]): { status: number | null; output: string; errors: string } {
  const env = { PATH: `${fakeNpm()}:/usr/bin:/bin`, HOME: folder };
  const options = { cwd: checkout, env, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/run.mjs', ...args], options);
  return { status, output: stdout, errors: stderr };
}

const npmWasCalled = (): boolean => existsSync(join(folder, 'npm-calls'));

describe('a checkout that is built', () => {
  it('runs without a network and without what only builders need, and leaves node_modules alone', () => {
    addModules('esbuild', 'tsx', 'typescript');
    const before = modules();
    const { status, errors } = run('cli-client', '--name', 'not a name');
    assert.equal(errors.split('\n')[0]?.slice(0, 29), 'chat: "not a name" is no name', errors);
    assert.equal(status, 1);
    assert.deepEqual(modules(), before);
    assert.equal(npmWasCalled(), false);
  });

  it('tells in one line what cannot be built again', () => {
    addModules('esbuild');
    appendFileSync(join(checkout, 'apps/cli-client/src/main.ts'), '// changed\n');
    const { status, errors } = run('cli-client', '--name', 'not a name');
    const line = 'the package "esbuild" is not installed. node_modules is left as it is; run: npm ci\n';
    assert.deepEqual({ status, errors }, { status: 1, errors: line });
    assert.equal(npmWasCalled(), false);
  });

  it('tells in one line which package it lacks', () => {
    addModules('pino');
    const { status, errors } = run('route', '--route-port', '0');
    const line = 'the package "pino" is not installed. node_modules is left as it is; run: npm ci\n';
    assert.deepEqual({ status, errors }, { status: 1, errors: line });
  });

  it('notes in one line that other packages are installed than package-lock.json names', () => {
    addModules();
    const found = { packages: { 'node_modules/pino': { version: '0.0.1' } } };
    writeFileSync(join(checkout, 'node_modules/.package-lock.json'), JSON.stringify(found));
    const { errors } = run('cli-client', '--name', 'not a name');
    const [note = '', said = ''] = errors.split('\n');
    assert.match(note, /^note: \S+ \S+ is wanted, (none|0\.0\.1) is installed\. .*; run: npm ci$/);
    assert.match(said, /^chat: /);
  });
});

describe('a checkout that is not set up', () => {
  it('prints --help at once, of each program', () => {
    rmSync(join(checkout, 'dist'), { recursive: true });
    for (const [app, flag] of [
      ['standalone', '--data-dir'],
      ['cli-client', '--state-dir'],
      ['route', '--redis-url'],
      ['im-server', '--tcp-port'],
      ['cim', 'admin'],
    ] as const) {
      const { status, output, errors } = run(app, '--help');
      assert.deepEqual({ status, errors }, { status: 0, errors: '' });
      assert.ok(output.includes(flag), output);
    }
    assert.equal(existsSync(join(checkout, 'node_modules')), false);
    assert.equal(existsSync(join(checkout, 'dist')), false);
    assert.equal(npmWasCalled(), false);
  });

  it('installs, and again when that was interrupted', () => {
    const { status, errors } = run('route');
    assert.deepEqual(
      { status, errors: errors.split('\n').slice(0, 2) },
      {
        status: 1,
        errors: ['installing packages (once) ...', 'npm ci failed; its message is above'],
      },
    );
    assert.equal(npmWasCalled(), true);
    addModules();
    rmSync(join(folder, 'npm-calls'));
    assert.equal(run('route').status, 1);
    assert.equal(npmWasCalled(), true, 'what the first installation left is not taken for whole');
  });
});
