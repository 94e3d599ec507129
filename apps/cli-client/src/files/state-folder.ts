import { makePrivate } from '@cim/runtime';

/** Key: code of an error of the file system. Value: why the folder cannot be made. */
const MEANINGS: Readonly<Record<string, string>> = {
  EEXIST: 'it is a file',
  ENOTDIR: 'a folder above it is a file',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
};

/**
 * Makes the folder of cursors, journals and histories, so that nobody else may read what is ours in it.
 * @throws {Error} in one line: why it cannot be made, and what to do
 */
export function makeStateFolder(folder: string, isOurs: (file: string) => boolean): void {
  try {
    makePrivate(folder, isOurs);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new Error(
      `the folder ${folder} for cursors and history cannot be used: ${MEANINGS[code] ?? message}; name another one with --state-dir`,
      { cause: error },
    );
  }
}
