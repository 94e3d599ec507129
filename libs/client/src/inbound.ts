import { type cim, groupStream, inboxOf, LOBBY, streamName } from '@cim/protocol';
import type { GroupId, MessageId, UserId } from '@cim/protocol';
import { SAVED_SEEN, type Cursor, type SavedState } from './state.ts';
import { type InboundParts, StreamIn } from './stream-in.ts';

/** By stream name. */
export type SavedInbound = Pick<SavedState, 'cursors' | 'seen'>;

/**
 * The streams that come in: each entry once and in order, cursors, acks.
 * Knows an entry by its message id; a seq can be used again after the store lost data.
 */
export class Inbound {
  readonly #parts: InboundParts;
  /** By the group of the wire: '' the inbox, 'lobby'. Made once, never removed. */
  readonly #streams = new Map<string, StreamIn>();

  constructor(me: UserId, saved: Partial<SavedInbound>, parts: InboundParts) {
    this.#parts = parts;
    for (const group of ['', LOBBY]) {
      const name = streamName(group === '' ? inboxOf(me) : groupStream(group as GroupId));
      const before = { cursor: saved.cursors?.[name], seen: saved.seen?.[name] ?? [] };
      this.#streams.set(group, new StreamIn(name, group, before, parts));
    }
  }

  /** When the newest entry that was received was stored [ms, the store's clock]; 0: none was received. */
  get newestStoredAt(): number {
    let newest = 0;
    for (const stream of this.#streams.values()) newest = Math.max(newest, stream.newestStoredAt);
    return newest;
  }

  /** What the next process needs to show nothing twice and to miss nothing. */
  saved(): SavedInbound {
    const cursors: Record<string, Cursor> = {};
    const seen: Record<string, readonly MessageId[]> = {};
    for (const stream of this.#streams.values()) {
      const { name, cursor } = stream;
      if (cursor !== undefined) cursors[name] = cursor;
      seen[name] = stream.newestSeen(SAVED_SEEN);
    }
    return { cursors, seen };
  }

  /** For a `Resume`. A cursor without an id cannot be checked and counts as none. */
  resume(): cim.Resume.$Properties {
    return {
      cursors: [...this.#streams.values()].map(({ group, cursor }) => ({
        group,
        seq: cursor?.seq ?? 0,
        id: cursor?.id ?? '',
      })),
    };
  }

  /** Answers to `resume`; at any time again, see `StreamIn`. */
  onResumed(answer: cim.Resumed): void {
    for (const wire of answer.streams as cim.ResumedStream[]) this.#streams.get(wire.group)?.onResumed(wire);
    this.#parts.moved();
  }

  /** False when entries are missing before one of these: see `StreamIn.take`. */
  onDeliver(deliver: cim.Deliver): boolean {
    const stream = this.#streams.get(deliver.group);
    if (stream === undefined) return true;
    for (const entry of deliver.entries as cim.Entry[]) if (!stream.take(entry)) return false;
    stream.settleAcks();
    return true;
  }

  /** Acks all that is processed, now. */
  flush(): void {
    for (const stream of this.#streams.values()) stream.flush();
  }

  /** The connection is gone; what is not acked stays so until the next one has resumed. */
  detach(): void {
    for (const stream of this.#streams.values()) stream.detach();
  }

  /** Nothing more is shown. */
  end(): void {
    for (const stream of this.#streams.values()) stream.end();
  }
}
