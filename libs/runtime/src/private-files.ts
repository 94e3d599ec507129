/** Files that nobody else on the machine may read: folders 0700, files 0600, whatever their modes were before. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomText } from './random-text.ts';

const OTHERS = 0o077;
const STICKY = 0o1000;

/**
 * Makes the folder if it is not there, and removes the access of the group and of others to it and its files.
 * It leaves alone: files of another user, a folder that many share (sticky, as /tmp is), the home folder and
 * the root.
 * @param isOurs which files of the folder, by name
 * @throws the error of the file system, when the folder cannot be made
 */
export function makePrivate(dir: string, isOurs: (name: string) => boolean): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = resolve(dir);
  if (path !== resolve(homedir()) && path !== resolve('/')) close(path, 0o700);
  makeFilesPrivate(path, isOurs);
}

/**
 * Does the same for files in a folder that may not be ours. @throws the error of the file system, when the
 * folder cannot be read
 */
export function makeFilesPrivate(dir: string, isOurs: (name: string) => boolean): void {
  for (const name of readdirSync(dir)) if (isOurs(name)) close(join(dir, name), 0o600);
}

function close(path: string, mode: number): void {
  try {
    const stat = lstatSync(path);
    if (stat.uid !== process.getuid?.() || stat.isSymbolicLink() || (stat.mode & STICKY) !== 0) return;
    if ((stat.mode & OTHERS) !== 0) chmodSync(path, stat.isDirectory() ? 0o700 : mode);
  } catch {
    // It has gone meanwhile, or its file system knows no modes.
  }
}

/**
 * Reads the random secret in a file of mode 0600, and makes it when it is missing. The file appears whole or
 * not at all: an empty file, left by a power cut, would refuse every later start.
 * @throws {Error} one line: the file cannot be read or made, or holds no secret
 */
export function secretInFile(path: string): string {
  try {
    if (!existsSync(path)) makeSecret(path);
  } catch (error) {
    throw new Error(`${path} cannot be written (${String((error as NodeJS.ErrnoException).code)})`, {
      cause: error,
    });
  }
  close(path, 0o600);
  const secret = readFileSync(path, 'utf8').trim();
  if (secret.length < 32)
    throw new Error(`${path} holds no secret of 32 characters or more; remove it, and a new one is made`);
  return secret;
}

function makeSecret(path: string): void {
  const draft = `${path}.${randomText(6)}`;
  try {
    writeFileSync(draft, `${randomText(32)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}
