// Installs what package-lock.json names, when that has not been done. One process at a time does it, others wait.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules', '.cim-installed');
const lock = join(root, '.set-up-lock');
/** A lock without an owner is one that is being made, or whose maker was killed just then. */
const OWNERLESS_MS = 5_000;

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`Node ${process.versions.node} is too old: 20.19 or newer is needed (https://nodejs.org)`);
  process.exit(1);
}

const wanted = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
const installed = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted();
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
      if (error.code !== 'EEXIST') throw error;
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
    const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) {
      console.error(error ? `npm cannot be run: ${error.message}` : 'npm ci failed; its message is above');
      process.exit(1);
    }
    writeFileSync(stamp, wanted());
  });
}
