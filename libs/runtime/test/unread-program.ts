/**
 * Logs about 64 MB to a standard error that nobody reads, prints the size of its heap on standard output
 * [MB], and waits to be ended.
 */
import { setImmediate } from 'node:timers/promises';
import { createLogger, logLines } from '../src/index.ts';

const logger = createLogger('info', {}, await logLines({ logFile: '', logFileMb: 1, logFilesKept: 1 }));
for (let i = 0; i < 64; i++) {
  logger.info({ i, filler: 'x'.repeat(1024 * 1024) }, 'a line');
  await setImmediate();
}
globalThis.gc?.();
console.log(Math.round(process.memoryUsage().heapUsed / (1024 * 1024)));
setInterval(() => undefined, 1_000);
