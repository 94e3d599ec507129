import { stat } from 'node:fs/promises';

/** Changes when one of the files is written, replaced, or not there any more. A link that is moved to another folder is seen too. */
export async function lookOfFiles(paths: readonly string[]): Promise<string> {
  const looks = await Promise.all(paths.map(lookOf));
  return looks.join(', ');
}

async function lookOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'gone';
  }
}
