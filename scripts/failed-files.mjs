import { relative, resolve } from 'node:path';

/**
 * The files of the failed tests in a TAP report of several files. None, when it does not say of each failed test in which file it
 * ran: a test of a contract is named by the file of the contract, which several files run.
 */
export function failedFiles(output) {
  const lines = output.split('\n');
  const files = new Set();
  for (const [i, line] of lines.entries()) {
    // An indented one is a part of another failed test.
    if (!line.startsWith('not ok ')) continue;
    const [, named] = /^not ok \d+ - (\S+\.test\.ts)$/.exec(line) ?? [];
    const location = lines.slice(i, i + 8).find((one) => one.trim().startsWith("location: '"));
    const [path, place] = location?.trim().slice("location: '".length).split('.test.ts:') ?? [];
    const file = named ?? (place === undefined ? undefined : `${path}.test.ts`);
    if (file === undefined) return [];
    files.add(relative(process.cwd(), resolve(file)));
  }
  return [...files];
}
