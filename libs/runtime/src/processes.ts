/** How many processes of one program run on a machine, and which ports each has. */
import { availableParallelism } from 'node:os';
import type { Option } from './config.ts';

/** More processes than any machine has cores for. */
const MOST_PROCESSES = 256;
/** The ports of one process and of the next one differ by so much: the ports of other programs lie between. */
const PORT_STEP = 10;

export const processesOption = (env: Option<number>['env'], doc: string): Option<number> => ({
  env,
  doc: `${doc} (1 to ${MOST_PROCESSES}; auto: one for each core)`,
  fallback: '1',
  parse: (value) => {
    if (value === 'auto') return Math.min(MOST_PROCESSES, availableParallelism());
    const count = Number(value);
    if (!/^\d+$/.test(value) || count < 1 || count > MOST_PROCESSES)
      throw new Error(`must be a whole number from 1 to ${MOST_PROCESSES}, or auto`);
    return count;
  },
});

/**
 * The port of one of several processes. 0 stays 0: each takes a free one.
 * @param index of the process, from 0
 * @throws {Error} there is no such port
 */
export function portOf(first: number, index: number): number {
  const port = first === 0 ? 0 : first + index * PORT_STEP;
  if (port <= 65_535) return port;
  throw new Error(
    `process ${index + 1} would listen on port ${port}, which does not exist: ports go up by ${PORT_STEP} for each process; begin lower than ${first}, or run fewer processes`,
  );
}
