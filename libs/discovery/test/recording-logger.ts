import type { Logger } from '@cim/runtime';
import pino from 'pino';

/** A logger that keeps its events. */
export function recordingLogger(): { logger: Logger; count: (event: string) => number } {
  const events: string[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => void events.push((JSON.parse(line) as { msg: string }).msg) },
  );
  return { logger, count: (event) => events.filter((e) => e === event).length };
}
