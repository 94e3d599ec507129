import { cim, encodeEntry, type MessageId, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';

/** An entry as the wire has it, between servers and to clients alike. */
export const entryToBytes = (entry: Entry): Uint8Array => entry.wire ?? encodeEntry(entry);

/** From one of our servers, over an authenticated connection: trusted. The content stays a view of `wire`. */
export function entryFromBytes(wire: Uint8Array): Entry {
  const entry = cim.Entry.decode(wire);
  return {
    seq: entry.seq as Seq,
    prev: entry.prev as MessageId,
    storedAt: entry.storedAt,
    sender: { userId: entry.sender as UserId, userName: entry.senderName },
    producer: entry.producer as ProducerId,
    counter: entry.counter,
    content: entry.content,
    wire,
  };
}
