import { CimError } from '@cim/protocol';

/**
 * A cursor of a page. It names its list and a position there, so that a cursor of another list is refused
 * instead of being taken for a position in this one. It is opaque to clients.
 */
export function pageCursor(list: string, position: string): string {
  return Buffer.from(`${list} ${position}`).toString('base64url');
}

/** The position in a cursor of this list. Throws `foreignCursor` for any other text. */
export function positionInCursor(list: string, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  const position = text.slice(list.length + 1);
  if (!text.startsWith(`${list} `) || pageCursor(list, position) !== cursor) throw foreignCursor();
  return position;
}

export const foreignCursor = (): CimError =>
  new CimError(
    'foreignCursor',
    'The page cursor belongs to another list; pass on one that a page of this list has named',
  );
