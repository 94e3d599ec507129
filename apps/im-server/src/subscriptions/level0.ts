import { decodeContent, isPlainTexts } from '@cim/protocol';
import { type Entry, isCopy } from '@cim/store';

/** No encoded Content: the decoder of a client of level 0 refuses it, and the client passes over the entry. */
const NO_CONTENT = Uint8Array.of(0x07);

/** The entry as a client of level 0 is sent it: what it does not understand moves its cursor and shows nothing. */
export function forLevel0(entry: Entry): Entry {
  if (!isCopy(entry) && (isPlainTexts(entry.content) || decodeContent(entry.content)?.type === ''))
    return entry;
  return { ...entry, content: NO_CONTENT, wire: undefined };
}
