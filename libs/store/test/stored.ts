/** Short ways to fill a store, for tests. */
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

/** Appends the counters `from` to `to` in one turn. */
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
 * The entry in a comparable form, whatever kind of bytes the content is and whatever else the sender's object
 * holds. Checks that `wire`, if it is there, is the encoding of the entry.
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

/** The begin and end of a stream, without its counts. */
export const ends = ({ first, top, topId }: Position): object => ({ first, top, topId });
