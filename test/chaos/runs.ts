import type { Row, RunOptions } from './row.ts';
import { serverKills } from './server-kills.ts';

export interface Run {
  readonly name: string;
  readonly run: (options: RunOptions) => Promise<Row | Row[]>;
}

/** In the order of the table. */
export const runs: readonly Run[] = [{ name: 'server-kills', run: serverKills }];
