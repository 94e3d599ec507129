import type { cim, MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import { messageId } from '@cim/protocol';
import type { Entry } from '@cim/store';

export const entryId = (entry: Entry): MessageId =>
  messageId(entry.sender.userId, entry.producer, entry.counter);

/** An entry as the wire has it: between servers and to clients alike. The content's bytes pass through. */
export const entryToWire = (entry: Entry): cim.Entry.$Properties => ({
  seq: entry.seq,
  prev: entry.prev,
  storedAt: entry.storedAt,
  sender: entry.sender.userId,
  senderName: entry.sender.userName,
  producer: entry.producer,
  counter: entry.counter,
  content: entry.content,
});

/** From one of our servers, over an authenticated connection: trusted. */
export const entryFromWire = (wire: cim.Entry): Entry => ({
  seq: wire.seq as Seq,
  prev: wire.prev as MessageId,
  storedAt: wire.storedAt,
  sender: { userId: wire.sender as UserId, userName: wire.senderName },
  producer: wire.producer as ProducerId,
  counter: wire.counter,
  content: wire.content,
});
