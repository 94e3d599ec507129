/**
 * Entries of one stream in memory, with the plainest `read`, `position` and `events`, for tests of code that
 * reads streams.
 */
import {
  cim,
  contentFacts,
  copyProducer,
  type MessageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import { type Entry, type EventAt, entryId, messageIdOf, type Position } from '../src/streams.ts';

export const user = (userId: number, userName: string): NamedUser => ({ userId: userId as UserId, userName });

export class Timeline {
  readonly #entries: Entry[] = [];
  readonly #events: EventAt[] = [];
  #first = 1;
  #shown = 0;
  /** Called before each read. */
  onRead: (() => void) | undefined;

  /** Adds an entry; with `to`, as the sender's copy. Answers the id of the message. */
  add(sender: NamedUser, content: cim.Content.$Properties, to?: NamedUser): MessageId {
    const seq = (this.top + 1) as Seq;
    const bytes = cim.Content.encode(content).finish();
    const facts = contentFacts(bytes);
    if (facts.unread && to === undefined) this.#shown++;
    const last = this.#entries.at(-1);
    const own = 'a-producer-of-tests' as ProducerId;
    const entry: Entry = {
      seq,
      n: this.#shown,
      prev: last === undefined ? ('' as MessageId) : entryId(last),
      storedAt: 1_000 + seq,
      sender,
      producer: to === undefined ? own : copyProducer(own, to.userId),
      counter: seq,
      content: bytes,
    };
    this.#entries.push(entry);
    if (facts.event) this.#events.push({ seq, about: facts.ref as MessageId });
    return messageIdOf(entry);
  }

  say(sender: NamedUser, text: string, to?: NamedUser): MessageId {
    return this.add(sender, { texts: [text] }, to);
  }

  get top(): number {
    return this.#entries.length;
  }

  /** Removes the oldest entries. */
  trimTo(first: number): void {
    this.#first = first;
  }

  /** Removes the newest entries, as if the store had gone back. */
  cutTo(top: number): void {
    this.#entries.length = top;
    this.#shown = this.#entries.at(-1)?.n ?? 0;
    this.#events.splice(0, Infinity, ...this.#events.filter(({ seq }) => seq <= top));
  }

  readonly read = (_: unknown, from: Seq, limit: number): Promise<Entry[]> => {
    this.onRead?.();
    const begin = Math.max(from, this.#first) - 1;
    return Promise.resolve(this.#entries.slice(begin, begin + Math.min(limit, 100)));
  };

  readonly position = (): Promise<Position> => {
    const last = this.#entries.at(-1);
    const shown = this.#entries.findLast(({ content }) => contentFacts(content).unread);
    return Promise.resolve({
      first: this.#first as Seq,
      top: this.top as Seq,
      topId: last === undefined ? ('' as MessageId) : entryId(last),
      shown: this.#shown,
      shownSeq: shown?.seq ?? (0 as Seq),
      shownAt: shown?.storedAt ?? 0,
    });
  };

  readonly events = (_: unknown, from: Seq): Promise<EventAt[]> =>
    Promise.resolve(this.#events.filter(({ seq }) => seq >= from));
}
