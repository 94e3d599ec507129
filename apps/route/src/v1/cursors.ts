/** Page cursors: opaque texts that name the list that they belong to. */
import { CimError } from '@cim/protocol';

/** @param list name of the list @param place where its next page begins */
export const pageCursor = (list: string, place: string): string =>
  Buffer.from(JSON.stringify([list, place])).toString('base64url');

/**
 * The place that `pageCursor` was given.
 * @throws {CimError} 9404: the cursor is of another list, or of none
 */
export function placeOf(list: string, cursor: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed) || typeof parsed[0] !== 'string' || typeof parsed[1] !== 'string')
    throw new CimError(
      'foreignCursor',
      'this is no page cursor; pass on `next` as the page before answered it',
    );
  if (parsed[0] !== list) throw new CimError('foreignCursor');
  return parsed[1];
}
