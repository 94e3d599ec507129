import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import { encodeContent } from '@cim/protocol';
import type { Entry } from '@cim/store';
import { MessageFinder, parseMessageId } from './find-message.ts';

const PRODUCER = 'a-producer-of-22-chars' as ProducerId;
const sender = { userId: 1_001 as UserId, userName: 'alice' };
const content = encodeContent({ texts: ['hello'] });

it('a message far down in the timeline of a user who does not read is found, without its sender’s copy', async () => {
  // The longest that a timeline becomes (RETENTION).
  const top = 19_000;
  const entryAt = (seq: number): Entry => ({
    ...{
      seq: seq as Seq,
      n: seq,
      prev: '' as MessageId,
      sender,
      producer: PRODUCER,
      counter: seq,
      content,
      storedAt: seq,
    },
  });
  const bob = 1_002 as UserId;
  const isOfBob = ({ kind, user }: { kind: string; user?: UserId }): boolean =>
    kind === 'inbox' && user === bob;
  const streams = {
    position: (stream: never) => Promise.resolve({ first: 1, top: isOfBob(stream) ? top : 0 }),
    read: (stream: never, from: number, most: number) =>
      Promise.resolve(
        isOfBob(stream)
          ? Array.from({ length: Math.min(most, top - from + 1) }, (_, i) => entryAt(from + i))
          : [],
      ),
    counters: () => Promise.resolve([undefined]),
  };
  const accounts = { byId: () => Promise.resolve(sender) };
  const finder = new MessageFinder({ streams, accounts } as never);
  const name = parseMessageId(`${sender.userId}:${PRODUCER}:1500`);
  const { entry } = await finder.find(name, { kind: 'user', user: bob });
  assert.equal(entry?.seq, 1_500);
});
