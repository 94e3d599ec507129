/** Database keys. They are made of ids that we made; a name enters as its hash. */
import { hash } from 'node:crypto';
import { foldName, type ProducerId, type Seq, type StreamRef, streamName, type UserId } from '@cim/protocol';

const padded = (n: number): string => String(n).padStart(16, '0');

export const key = {
  nextUser: 'm:next-user',
  account: (user: UserId) => `a:${user}`,
  name: (name: string) => `n:${hash('sha256', foldName(name), 'hex')}`,
  session: (user: UserId) => `s:${user}`,
  cursor: (user: UserId, stream: StreamRef) => `c:${user}:${streamName(stream)}`,
  /** A stream's state: first, top, topId. */
  stream: (stream: StreamRef) => `t:${streamName(stream)}`,
  entry: (stream: StreamRef, seq: Seq) => `e:${streamName(stream)}:${padded(seq)}`,
  entriesEnd: (stream: StreamRef) => `e:${streamName(stream)}:~`,
  producer: (stream: StreamRef, turn: number, sender: UserId, producer: ProducerId) =>
    `p:${padded(turn)}:${streamName(stream)}:${sender}:${producer}`,
  producersBefore: (turn: number) => ({ gte: 'p:', lt: `p:${padded(turn)}` }),
  /** A send that is known by its idempotency key. */
  keyed: (stream: StreamRef, sender: UserId, producer: ProducerId) => `k:${streamName(stream)}:${sender}:${producer}`,
  /** When a keyed send may be forgotten; the rest is its key. */
  expiry: (at: number, keyed: string) => `x:${padded(at)}:${keyed}`,
  expiriesBefore: (at: number) => ({ gte: 'x:', lt: `x:${padded(at)}` }),
  keyedOfExpiry: (expiry: string) => expiry.slice('x:'.length + 17),
} as const;
