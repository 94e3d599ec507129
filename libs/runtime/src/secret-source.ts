/** Reads a secret setting from a file. A file, unlike a flag, shows in no process list. */
import { readFileSync } from 'node:fs';

/** The setting that names the file with a secret: `CIM_PASSWORD` → `CIM_PASSWORD_FILE`. */
export const fileEnvOf = (env: string): string => `${env}_FILE`;

/**
 * Reads the first line of a file, or all of a file that begins with a PEM.
 * @param mayBeAbsent answer '' when there is no such file, or its first line is empty
 * @throws {Error} one line: the file cannot be read, or its first line is empty
 */
export function readSecretFile(path: string, mayBeAbsent = false): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (mayBeAbsent && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new Error(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no reason given'})`, {
      cause: error,
    });
  }
  if (text.startsWith('-----BEGIN ')) return text;
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '' && !mayBeAbsent) throw new Error('is empty; its first line is the secret');
  return line;
}

/**
 * Whether the value of a flag shows a secret to everybody who lists processes. A URL does so when it holds a
 * login.
 */
export const showsSecret = (value: string): boolean => !value.includes('://') || value.includes('@');
