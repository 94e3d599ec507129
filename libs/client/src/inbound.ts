import { cim, groupStream, inboxOf, LOBBY, messageId, streamName } from '@cim/protocol';
import type { GroupId, MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { ClientEvents, Message } from './events.ts';
import { Seen } from './seen.ts';
import type { Cursor, SavedState } from './state.ts';

/** What `Inbound` needs from the client around it. */
export interface InboundParts {
  show(message: Message): void;
  skipped(event: ClientEvents['skipped']): void;
  /** Whether this installation sent it. */
  isOwn(producer: ProducerId): boolean;
  /** Cursors have moved; called before what is shown is acked. */
  moved(): void;
  ack(ack: cim.Ack.$Properties): void;
  /** An entry whose content is none. */
  unreadable(stream: string, seq: number): void;
}

/**
 * A stream is acked after so many entries, or bytes of them; an inbox, and what a server has sent once more, after this
 * time at most. A server goes on until four times as much is not acked.
 */
const ACK_EVERY = 64;
const ACK_EVERY_BYTES = 64 * 1024;
const ACK_DELAY_MS = 200;
/** A group, whose ack spares little, in a ping's place; who writes all the time never pings. A server resends after 24 s. */
const GROUP_ACK_DELAY_MS = 18_000;
/** Ids of shown messages that are saved, newest of each stream. */
const SAVED_SEEN = 512;

/** By stream name. */
export type SavedInbound = Pick<SavedState, 'cursors' | 'seen'>;

interface StreamIn {
  readonly name: string;
  /** '' for the inbox. */
  readonly group: string;
  readonly seen: Seen;
  /** The newest entry taken; seq 0 when there is none. Its id is '' while it is not known. */
  cursor: Cursor;
  /**
   * The newest cursor with an id: what is presented and saved. After a reset or a skip it stays the old one until the
   * next entry, so that a reconnect in between gets the same answer; without a cursor a group would start at its end.
   */
  known: Cursor;
  /** Entries taken and not acked. */
  unacked: number;
  unackedBytes: number;
  /** Where entries were missing last. */
  holeAt: number;
  /** What was told of the gap that `known` stands before. */
  told: ClientEvents['skipped'] | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** Id of a cursor with seq 0. */
const BEFORE_THE_FIRST = '-';
const NOTHING: Cursor = { seq: 0 as Seq, id: '' as MessageId };

/**
 * What comes in: each entry once and in order, cursors, acks.
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
      const cursor = saved.cursors?.[name] ?? NOTHING;
      const seen = new Seen();
      for (const id of saved.seen?.[name] ?? []) seen.add(id);
      const told = undefined;
      const stream = {
        name,
        group,
        seen,
        cursor,
        known: cursor,
        unacked: 0,
        unackedBytes: 0,
        holeAt: 0,
        told,
        timer: told,
      };
      this.#streams.set(group, stream);
    }
  }

  /** What the next process needs to show nothing twice and to miss nothing. */
  saved(): SavedInbound {
    const cursors: Record<string, Cursor> = {};
    const seen: Record<string, readonly MessageId[]> = {};
    for (const stream of this.#streams.values()) {
      if (stream.known.id !== '') cursors[stream.name] = stream.known;
      seen[stream.name] = stream.seen.newest(SAVED_SEEN);
    }
    return { cursors, seen };
  }

  /** For a `Resume`. A cursor without an id cannot be checked and counts as none. */
  resume(): cim.Resume.$Properties {
    return {
      cursors: [...this.#streams.values()].map(({ group, known }) =>
        known.id === '' ? { group, seq: 0, id: '' } : { group, seq: known.seq, id: known.id },
      ),
    };
  }

  /** Answers to `resume`; at any time again, when the server finds that the log went back or was trimmed. */
  onResumed(answer: cim.Resumed): void {
    for (const wire of answer.streams as cim.ResumedStream[]) {
      const stream = this.#streams.get(wire.group);
      if (stream === undefined) continue;
      const { from, to } = wire;
      switch (wire.answer) {
        case cim.ResumeAnswer.CONTINUE:
          this.#goOn(stream, to, wire.id);
          break;
        case cim.ResumeAnswer.RESET:
          // What was taken and not acked is not in the log; an ack beyond its end would be an error.
          stream.unacked = 0;
          stream.holeAt = 0;
          this.#goOn(stream, Math.max(0, from - 1), from <= 1 ? BEFORE_THE_FIRST : '');
          this.#tell(stream, 'reset', from, to);
          break;
        case cim.ResumeAnswer.EXPIRED:
        case cim.ResumeAnswer.SKIPPED:
          this.#goOn(stream, to, wire.id);
          this.#tell(stream, wire.answer === cim.ResumeAnswer.EXPIRED ? 'expired' : 'skipped', from, to);
          break;
        default: // of a newer server: what it sends tells where it goes on
      }
      if (stream.unacked > 0) this.#arm(stream);
    }
    this.#parts.moved();
  }

  #goOn(stream: StreamIn, seq: number, id: string): void {
    stream.cursor = { seq: seq as Seq, id: id as MessageId };
    if (id === '') return;
    stream.known = stream.cursor;
    stream.told = undefined;
  }

  /** Once, though the server says it again after each reconnect until an entry has come. */
  #tell(stream: StreamIn, kind: ClientEvents['skipped']['kind'], from: number, to: number): void {
    const { told } = stream;
    stream.told = { stream: stream.name, kind, from, to };
    if (told?.kind !== kind || told.from !== from) this.#parts.skipped(stream.told);
    else if (kind !== 'reset' && to > told.to)
      this.#parts.skipped({ stream: stream.name, kind, from: told.to + 1, to });
  }

  /**
   * False when entries are missing before one of these: the connection is to be made anew, which resumes. If they are
   * missing again after that they are gone, and reported as such.
   */
  onDeliver(deliver: cim.Deliver): boolean {
    const stream = this.#streams.get(deliver.group);
    if (stream === undefined) return true;
    for (const entry of deliver.entries as cim.Entry[]) if (!this.#take(stream, entry)) return false;
    if (stream.unacked >= ACK_EVERY || stream.unackedBytes >= ACK_EVERY_BYTES) this.#ack(stream);
    else if (stream.unacked > 0) this.#arm(stream);
    return true;
  }

  #take(stream: StreamIn, entry: cim.Entry): boolean {
    const next = stream.cursor.seq + 1;
    const id = messageId(entry.sender as UserId, entry.producer as ProducerId, entry.counter);
    if (entry.seq >= next) {
      const missing = entry.seq > next;
      if (missing || !follows(entry, stream.cursor)) {
        if (stream.holeAt !== entry.seq) {
          stream.holeAt = entry.seq;
          return false;
        }
        const [from, to] = missing ? [next, entry.seq - 1] : [entry.seq, entry.seq];
        this.#parts.skipped({ stream: stream.name, kind: missing ? 'expired' : 'reset', from, to });
      }
      stream.cursor = { seq: entry.seq as Seq, id };
      stream.known = stream.cursor;
      stream.told = undefined;
      stream.unacked++;
      stream.unackedBytes += entry.content.length;
    }
    if (!stream.seen.add(id)) {
      // Sent once more: the server has not heard our ack of it.
      if (stream.unacked === 0) stream.unacked = 1;
      this.#arm(stream, ACK_DELAY_MS);
      return true;
    }
    if (stream.group !== '' && this.#parts.isOwn(entry.producer as ProducerId)) return true;
    let texts: readonly string[];
    try {
      texts = cim.Content.decode(entry.content).texts;
    } catch {
      this.#parts.unreadable(stream.name, entry.seq);
      return true;
    }
    this.#parts.show({
      stream: stream.name,
      seq: entry.seq as Seq,
      id,
      from: { userId: entry.sender as UserId, userName: entry.senderName },
      texts,
      storedAt: entry.storedAt,
      ...(stream.group !== '' && { group: stream.group }),
    });
    return true;
  }

  /** Acks all that was taken, now. */
  flush(): void {
    for (const stream of this.#streams.values()) if (stream.unacked > 0) this.#ack(stream);
  }

  /** The connection is gone; what is not acked stays so until the next one has resumed. */
  detach(): void {
    for (const stream of this.#streams.values()) this.#disarm(stream);
  }

  #arm(stream: StreamIn, delayMs = stream.group === '' ? ACK_DELAY_MS : GROUP_ACK_DELAY_MS): void {
    // One that is sent once more is in a hurry, whatever runs already.
    if (delayMs === ACK_DELAY_MS && stream.group !== '') this.#disarm(stream);
    stream.timer ??= setTimeout(() => {
      stream.timer = undefined;
      if (stream.unacked > 0) this.#ack(stream);
    }, delayMs);
  }

  #disarm(stream: StreamIn): void {
    clearTimeout(stream.timer);
    stream.timer = undefined;
  }

  #ack(stream: StreamIn): void {
    this.#disarm(stream);
    stream.unacked = 0;
    stream.unackedBytes = 0;
    this.#parts.moved();
    this.#parts.ack({ group: stream.group, seq: stream.cursor.seq });
  }
}

/** Whether the entry names the cursor's as the one before it; true while that is not known. */
const follows = (entry: cim.Entry, { id }: Cursor): boolean =>
  id === '' || entry.prev === (id === BEFORE_THE_FIRST ? '' : id);
