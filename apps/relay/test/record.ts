import {
  encodeContent,
  inboxOf,
  type MessageId,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import type { FeedRecord } from '@cim/store';

/** A record of the feed with a text from a user to 1002. */
export const recordOf = (position: number, from: number, storedAt: number): FeedRecord => ({
  position,
  stream: inboxOf(1002 as UserId),
  entry: {
    ...{ seq: position as Seq, prev: '' as MessageId, storedAt, n: position, counter: 0 },
    sender: { userId: from as UserId, userName: 'ann' },
    producer: `producer-${position}` as ProducerId,
    content: encodeContent({ texts: ['x'] }),
  },
});

export const record = (position: number): FeedRecord => recordOf(position, 1001, position);
