/** Logs lines of some 1,000 bytes, a few in each turn, and ends. Arguments: path of the log file, lines, files that are kept. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createLogger, failStart, logLines } from '../src/index.ts';

const [, , logFile = '', lines = '0', kept = '1'] = process.argv;
const to = await logLines({ logFile, logFileMb: 1, logFilesKept: Number(kept) }).catch((error: unknown) =>
  failStart('route', error),
);
const logger = createLogger('info', {}, to);
for (let i = 0; i < Number(lines); i++) {
  logger.info({ i, filler: 'x'.repeat(950) }, 'a line');
  // As a server does in its time: a file is followed by another one when the disk has it.
  if (i % 500 === 499) await setTimeout(20);
  else if (i % 20 === 0) await setImmediate();
}
await to.end();
process.exit(0);
