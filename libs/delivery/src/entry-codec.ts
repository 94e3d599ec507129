import { decodeEntry, encodeEntry } from '@cim/protocol';
import type { Entry } from '@cim/store';

/** An entry as the wire has it, between servers and to clients alike. */
export const entryToBytes = (entry: Entry): Uint8Array => entry.wire ?? encodeEntry(entry);

/** From one of our servers, over an authenticated connection: trusted. The content stays a view of `wire`. */
export const entryFromBytes = (wire: Uint8Array): Entry => decodeEntry(wire) as Entry;
