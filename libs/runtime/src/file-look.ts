import { stat } from 'node:fs/promises';

/**
 * A text that changes when one of the files is written, replaced or removed, also when a link to its folder
 * moves.
 */
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
