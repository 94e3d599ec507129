import { cim, groupStream, inboxOf, LOBBY, messageId, streamName } from '@cim/protocol';
import type { GroupId, MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { ClientEvents, Message } from './events.ts';
import { Seen } from './seen.ts';
import type { Cursor } from './state.ts';

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

/** An inbox is acked after so many entries or this time; a group, whose ack spares little, with the ping. */
const ACK_EVERY = 64;
const ACK_DELAY_MS = 200;

interface StreamIn {
  readonly name: string;
  /** '' for the inbox. */
  readonly group: string;
  readonly seen: Seen;
  /** The newest entry taken; seq 0 when there is none. Its id is '' while it is not known. */
  cursor: Cursor;
  /** Entries taken and not acked. */
  unacked: number;
  /** Where entries were missing last. */
  holeAt: number;
}

const NOTHING: Cursor = { seq: 0 as Seq, id: '' as MessageId };

/**
 * What comes in: each entry once and in order, cursors, acks.
 * Knows an entry by its message id; a seq can be used again after the store lost data.
 */
export class Inbound {
  readonly #parts: InboundParts;
  /** By the group of the wire: '' the inbox, 'lobby'. Made once, never removed. */
  readonly #streams = new Map<string, StreamIn>();
  #timer: NodeJS.Timeout | undefined;

  constructor(me: UserId, cursors: Readonly<Record<string, Cursor>>, parts: InboundParts) {
    this.#parts = parts;
    for (const group of ['', LOBBY]) {
      const name = streamName(group === '' ? inboxOf(me) : groupStream(group as GroupId));
      const cursor = cursors[name] ?? NOTHING;
      this.#streams.set(group, { name, group, seen: new Seen(), cursor, unacked: 0, holeAt: 0 });
    }
  }

  /** Cursors to be saved, by stream name. */
  cursors(): Record<string, Cursor> {
    const cursors: Record<string, Cursor> = {};
    for (const stream of this.#streams.values())
      if (stream.cursor.id !== '') cursors[stream.name] = stream.cursor;
    return cursors;
  }

  /** For a `Resume`. A cursor without an id cannot be checked and counts as none. */
  resume(): cim.Resume.$Properties {
    return {
      cursors: [...this.#streams.values()].map(({ group, cursor }) =>
        cursor.id === '' ? { group, seq: 0, id: '' } : { group, seq: cursor.seq, id: cursor.id },
      ),
    };
  }

  onResumed(answer: cim.Resumed): void {
    for (const wire of answer.streams as cim.ResumedStream[]) {
      const stream = this.#streams.get(wire.group);
      if (stream === undefined) continue;
      const { from, to } = wire;
      switch (wire.answer) {
        case cim.ResumeAnswer.CONTINUE:
          if (stream.cursor.id === '') stream.cursor = { seq: to as Seq, id: wire.id as MessageId };
          break;
        case cim.ResumeAnswer.RESET:
          stream.cursor = { seq: Math.max(0, from - 1) as Seq, id: '' as MessageId };
          this.#parts.skipped({ stream: stream.name, kind: 'reset', from, to });
          break;
        case cim.ResumeAnswer.EXPIRED:
        case cim.ResumeAnswer.SKIPPED: {
          stream.cursor = { seq: to as Seq, id: wire.id as MessageId };
          const kind = wire.answer === cim.ResumeAnswer.EXPIRED ? 'expired' : 'skipped';
          this.#parts.skipped({ stream: stream.name, kind, from, to });
          break;
        }
        default: // of a newer server: what it sends tells where it goes on
      }
    }
    this.#parts.moved();
    if (this.#streams.get('')?.unacked) this.#arm();
  }

  /**
   * False when entries are missing before one of these: the connection is to be made anew, which resumes. If they are
   * missing again after that they are gone, and reported as such.
   */
  onDeliver(deliver: cim.Deliver): boolean {
    const stream = this.#streams.get(deliver.group);
    if (stream === undefined) return true;
    for (const entry of deliver.entries as cim.Entry[]) if (!this.#take(stream, entry)) return false;
    if (stream.unacked >= ACK_EVERY) this.#ack(stream);
    else if (stream.group === '' && stream.unacked > 0) this.#arm();
    return true;
  }

  #take(stream: StreamIn, entry: cim.Entry): boolean {
    const next = stream.cursor.seq + 1;
    if (entry.seq > next) {
      if (stream.holeAt !== entry.seq) {
        stream.holeAt = entry.seq;
        return false;
      }
      this.#parts.skipped({ stream: stream.name, kind: 'expired', from: next, to: entry.seq - 1 });
    }
    const id = messageId(entry.sender as UserId, entry.producer as ProducerId, entry.counter);
    if (entry.seq >= next) {
      stream.cursor = { seq: entry.seq as Seq, id };
      stream.unacked++;
    }
    if (!stream.seen.add(id)) return true;
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

  /** What a ping takes along. */
  takeAcks(): cim.Ack.$Properties[] {
    const acks: cim.Ack.$Properties[] = [];
    for (const stream of this.#streams.values()) {
      if (stream.unacked === 0) continue;
      stream.unacked = 0;
      acks.push({ group: stream.group, seq: stream.cursor.seq });
    }
    if (acks.length > 0) this.#parts.moved();
    return acks;
  }

  /** Acks all that was taken, now. */
  flush(): void {
    for (const stream of this.#streams.values()) if (stream.unacked > 0) this.#ack(stream);
  }

  /** The connection is gone; what is not acked stays so until the next one has resumed. */
  detach(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const inbox = this.#streams.get('');
      if (inbox !== undefined && inbox.unacked > 0) this.#ack(inbox);
    }, ACK_DELAY_MS);
  }

  #ack(stream: StreamIn): void {
    stream.unacked = 0;
    this.#parts.moved();
    this.#parts.ack({ group: stream.group, seq: stream.cursor.seq });
  }
}
