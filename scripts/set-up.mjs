// Installs what package-lock.json names when there is no node_modules. One that is there is never touched: it may have
// been made by `npm ci --omit=dev`, by another package manager, or by somebody who may write where we may not.
// One process at a time installs or builds, others wait.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
/** There while an installation of ours is not finished: what it has left is taken away by the next one. */
const unfinished = join(root, '.cim-installing');
const lock = join(root, '.set-up-lock');
/** A lock without an owner is one that is being made, or whose maker was killed just then. */
const OWNERLESS_MS = 5_000;

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  giveUp(`Node ${process.versions.node} is too old: 20.19 or newer is needed (https://nodejs.org)`);
}

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
/** npm writes its own list last: one that is newer than our unfinished installation was made by somebody else since. */
const installed = () =>
  existsSync(modules) &&
  (!existsSync(unfinished) || changedAt(join(modules, '.package-lock.json')) > changedAt(unfinished));

/** Ends the process with one line. */
export function giveUp(line) {
  console.error(line);
  process.exit(1);
}
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** The process that holds a lock; '' while it is not written, undefined when there is no lock. */
function ownerOf(path) {
  try {
    return readFileSync(join(path, 'pid'), 'utf8');
  } catch {
    return existsSync(path) ? '' : undefined;
  }
}

function lives(pid) {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes away the lock of a process that was killed. */
function breakIfAbandoned() {
  const owner = ownerOf(lock);
  if (owner === undefined) return;
  const ageMs = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (owner === '' ? ageMs < OWNERLESS_MS : lives(owner)) return;
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
    // Another one may have broken it before and made its own since.
    if (ownerOf(aside) !== owner) renameSync(aside, lock);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** Runs `work` while no other process of this checkout does. */
export async function exclusively(work) {
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(lock);
      writeFileSync(join(lock, 'pid'), String(process.pid));
      break;
    } catch (error) {
      if (error.code !== 'EEXIST')
        giveUp(
          `packages have to be installed or programs built, and ${root} cannot be written: ${error.code}`,
        );
      if (tries === 3) console.error('waiting for another process that installs or builds here ...');
      breakIfAbandoned();
      pause(100);
    }
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  const interrupted = () => process.exit(130);
  process.once('exit', release);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

export async function install() {
  if (installed()) return;
  await exclusively(() => {
    if (installed()) return;
    console.error('installing packages (once) ...');
    writeFileSync(unfinished, '');
    const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0)
      giveUp(error ? `npm cannot be run: ${error.message}` : 'npm ci failed; its message is above');
    rmSync(unfinished);
  });
}

/** Ends the process with the help of a program when it is asked for: before anything is installed or built. */
export function helpAtOnce(program, args) {
  if (!args.includes('--help')) return;
  process.stdout.write(JSON.parse(readFileSync(join(root, 'scripts', 'help.json'), 'utf8'))[program]);
  process.exit(0);
}

const ADVICE = 'node_modules is left as it is; run: npm ci';

/** For what only some commands need: ends the process when a package is not there. */
export function needs(...names) {
  for (const name of names)
    if (!existsSync(join(modules, name))) giveUp(`the package "${name}" is not installed. ${ADVICE}`);
}

/** Says in one line when npm has installed other packages than package-lock.json names, as after a `git pull`. */
export function noteOtherPackages() {
  const locked = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(join(modules, '.package-lock.json'));
  if (found === undefined || locked === undefined) return;
  for (const [path, { version, dev, optional, peer, link }] of Object.entries(locked)) {
    if (!path.startsWith('node_modules/') || dev || optional || peer || link) continue;
    const there = found[path]?.version;
    if (there === version) continue;
    const name = path.slice('node_modules/'.length);
    console.error(`note: ${name} ${version} is wanted, ${there ?? 'none'} is installed. ${ADVICE}`);
    return;
  }
}

function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Imports a program; a package that is missing is told in one line. */
export async function load(url) {
  try {
    await import(url);
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const [, name = ''] = /Cannot find package '([^']+)'/.exec(error.message) ?? [];
    if (name === '') throw error;
    giveUp(`the package "${name}" is not installed. ${ADVICE}`);
  }
}
