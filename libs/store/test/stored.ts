/** The shortest ways to fill a store, for tests. */
import assert from 'node:assert/strict';
import { encodeEntry, type NamedUser, type ProducerId, parseUserName, type StreamRef } from '@cim/protocol';
import type { Store } from '../src/store.ts';
import type { Append, AppendAnswer, Entry, Position } from '../src/streams.ts';

export const PRODUCER = 'the-producer-of-tests' as ProducerId;
export const DIGEST = 'd'.repeat(22);

export async function register(store: Store, name: string): Promise<NamedUser> {
  const parsed = parseUserName(name);
  assert.ok(parsed.ok);
  return (await store.accounts.register(parsed.name)).account;
}

export const appendTo = (
  store: Store,
  stream: StreamRef,
  sender: NamedUser,
  item: Partial<Append> & { readonly counter: number },
): Promise<AppendAnswer> =>
  new Promise((done) => {
    const content = Buffer.from(`text ${String(item.counter)}`);
    store.streams.append({ stream, sender, producer: PRODUCER, digest: DIGEST, content, ...item }, done);
  });

/** Counters `from` to `to`, all in one turn. */
export const appendRange = (
  store: Store,
  stream: StreamRef,
  sender: NamedUser,
  from: number,
  to: number,
  item: Partial<Append> = {},
): Promise<AppendAnswer[]> =>
  Promise.all(
    Array.from({ length: to - from + 1 }, (_, i) =>
      appendTo(store, stream, sender, { ...item, counter: from + i }),
    ),
  );

/**
 * Comparable, whichever kind of bytes the content is and whatever else the sender's object holds. What a store says that
 * the entry is on the wire, it must be.
 */
export function plain({ sender, content, wire, ...rest }: Entry): object {
  if (wire !== undefined)
    assert.deepEqual(Buffer.from(wire), encodeEntry({ ...rest, sender, content }), 'wire');
  return {
    ...rest,
    sender: { userId: sender.userId, userName: sender.userName },
    content: Buffer.from(content).toString('latin1'),
  };
}

/** Of a position: where the stream begins and ends, without what it counts. */
export const ends = ({ first, top, topId }: Position): object => ({ first, top, topId });
