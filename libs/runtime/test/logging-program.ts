/**
 * Logs lines of about 1,000 bytes, a few in each turn of the event loop, and ends. Arguments: path of the log
 * file, number of lines, number of files that are kept.
 */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createLogger, failStart, logLines } from '../src/index.ts';

const [, , logFile = '', lines = '0', kept = '1'] = process.argv;
const to = await logLines({ logFile, logFileMb: 1, logFilesKept: Number(kept) }).catch((error: unknown) =>
  failStart('route', error),
);
const logger = createLogger('info', {}, to);

/** True too where nothing comes on a disk, and where older files are removed. */
function isOnDisk(lines: number): boolean {
  const files = readdirSync(dirname(logFile)).map((name) => statSync(join(dirname(logFile), name)));
  if (kept === '1' || files.some((file) => !file.isFile())) return true;
  return files.reduce((sum, { size }) => sum + size, 0) >= lines * 950;
}

for (let i = 0; i < Number(lines); i++) {
  logger.info({ i, filler: 'x'.repeat(950) }, 'a line');
  // Pauses as a server does: a new file begins only after the disk has taken the old one. A busy machine takes longer.
  if (i % 500 === 499)
    do await setTimeout(20);
    while (!isOnDisk(i + 1));
  else if (i % 20 === 0) await setImmediate();
}
await to.end();
process.exit(0);
