/**
 * Logs lines of about 1,000 bytes, a few in each turn of the event loop, and ends. Arguments: path of the log
 * file, number of lines, number of files that are kept.
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createLogger, failStart, logLines } from '../src/index.ts';

const [, , logFile = '', lines = '0', kept = '1'] = process.argv;
const to = await logLines({ logFile, logFileMb: 1, logFilesKept: Number(kept) }).catch((error: unknown) =>
  failStart('route', error),
);
const logger = createLogger('info', {}, to);
for (let i = 0; i < Number(lines); i++) {
  logger.info({ i, filler: 'x'.repeat(950) }, 'a line');
  // Pauses as a server does: a new file begins only after the disk has taken the old one.
  if (i % 500 === 499) await setTimeout(20);
  else if (i % 20 === 0) await setImmediate();
}
await to.end();
process.exit(0);
