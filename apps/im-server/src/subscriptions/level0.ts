import { decodeContent, isPlainTexts } from '@cim/protocol';
import { type Entry, isCopy } from '@cim/store';

/** Bytes that are not a valid Content. A client of level 0 cannot decode them and skips the entry. */
const NO_CONTENT = Uint8Array.of(0x07);

/** The entry for a client of level 0. A type that it does not know moves its cursor and shows nothing. */
export function forLevel0(entry: Entry): Entry {
  if (!isCopy(entry) && (isPlainTexts(entry.content) || decodeContent(entry.content)?.type === ''))
    return entry;
  return { ...entry, content: NO_CONTENT, wire: undefined };
}
