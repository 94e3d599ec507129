import type { Cursor, Position } from '@cim/store';

/** Whether the store has lost entries: the log neither ends with `last` nor has grown beyond it. */
export const wentBack = (last: Cursor, { top, topId }: Position): boolean =>
  top < last.seq || (top === last.seq && last.id !== '' && topId !== last.id);
