import type { Cursor, Position } from '@cim/store';

/** Whether a log is not the one in which `last` was the newest, or has come after it: the store has lost entries. */
export const wentBack = (last: Cursor, { top, topId }: Position): boolean =>
  top < last.seq || (top === last.seq && last.id !== '' && topId !== last.id);
