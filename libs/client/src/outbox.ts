import { wire, messageId } from '@cim/protocol';
import type { ProducerId, Seq, UserId } from '@cim/protocol';
import type { WireRecipient } from './recipient.ts';
import type { SavedSend, SendRecord } from './send-journal.ts';
import { mayBeTrimmed, type SendItem, type Settled, StreamOut, type StreamOutParts } from './stream-out.ts';
import type { Timers } from './timers.ts';

export interface OutboxParts extends Timers {
  readonly me: UserId;
  /** Most unanswered sends of one process. */
  readonly capacity: number;
  /** Most bytes of their contents. */
  readonly capacityBytes: number;
  /**
   * Stores a record that must survive a crash. It is stored, or given up, when the call returns or its
   * promise ends. The send is not written before.
   */
  note(record: SendRecord): Promise<void> | undefined;
  newProducer(): ProducerId;
  /**
   * The producer for sends after a counter that will never be stored. The same arguments give the same
   * producer.
   */
  producerAfter(producer: ProducerId, counter: number): ProducerId;
  random(): number;
  /** When the newest received entry was stored [ms, the store's clock]; 0: none was. */
  storeTime(): number;
  /**
   * Called when the store has at most `last` of the producer's counters although more were answered or given
   * back.
   */
  gap(recipient: WireRecipient, producer: ProducerId, last: number): void;
  /** The store has forgotten the producer: ask whether the stream holds its sends, and call `onFound`. */
  find(recipient: WireRecipient, producer: ProducerId): void;
}

/** Writes one send. False: it was written, but wait for `onDrain` before the next. */
export type Transmit = (send: Partial<wire.Send>) => boolean;

/** Most sends that are written and unanswered, so that a slow server is not overloaded. */
const WINDOW = 512;

/**
 * Unanswered sends, in order per recipient. A send gets its number, a producer id and a counter, when it is
 * offered. No other content ever has that number, and every repetition keeps it, so that the store takes it
 * once. Counters have no gaps: a refused send leaves its number unused, and the sends behind it get another
 * producer id.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  /** Key: stream name. Never removed, since its counter must go on. */
  readonly #streams = new Map<string, StreamOut>();
  /** Streams that may have something to write, in rotation. */
  readonly #waiting = new Set<StreamOut>();
  readonly #producer: ProducerId;
  readonly #ofStreams: StreamOutParts;
  #transmit: Transmit | undefined;
  /** Whether the connection takes no more until it has drained. */
  #blocked = false;
  #size = 0;
  #bytes = 0;
  #written = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#producer = parts.newProducer();
    this.#ofStreams = {
      producerAfter: (producer, counter) => parts.producerAfter(producer, counter),
      note: (item, record) => this.#note(item, record),
      unwrite: (item) => this.#unwrite(item),
      random: () => parts.random(),
    };
  }

  /** Number of unanswered sends. */
  get size(): number {
    return this.#size;
  }

  /** Whether a content of this many bytes may be offered. An empty outbox accepts any. */
  hasRoomFor(bytes: number): boolean {
    const { capacity, capacityBytes } = this.#parts;
    return this.#size === 0 || (this.#size < capacity && this.#bytes + bytes <= capacityBytes);
  }

  /** Offers a send. `settle` is called once, later. The caller pumps. */
  offer(
    ref: number,
    recipient: WireRecipient,
    content: Uint8Array,
    settle: (settled: Settled) => void,
  ): void {
    const { to, group } = recipient;
    const { producer, counter } = this.#streamOf(recipient).nextNumber();
    const [offeredTime, after] = [this.#parts.time(), this.#parts.storeTime()];
    const about = { ref, content, producer, counter, after };
    const item = {
      ...about,
      settle,
      restored: false,
      again: false,
      once: false,
      unsaved: 0,
      writtenAt: undefined,
      offeredAt: this.#parts.now(),
      offeredTime,
    };
    this.#note(item, { kind: 'offered', to, group, offeredAt: offeredTime, ...about });
    this.#add(recipient, item);
  }

  /** Takes over a send of an earlier process. Call it before the first `offer`, in order. */
  restore(recipient: WireRecipient, send: SavedSend, settle: (settled: Settled) => void): void {
    const { ref, content, after, offeredAt: offeredTime } = send;
    const age = Math.max(0, this.#parts.time() - offeredTime);
    let { counter, producer } = send;
    const numbered = producer !== '' && counter !== 0;
    if (producer === '' || !numbered) ({ producer, counter } = this.#streamOf(recipient).nextNumber());
    const item = {
      ...{ ref, content, settle, producer, counter, after, offeredTime },
      restored: true,
      again: true,
      once: false,
      unsaved: 0,
      writtenAt: undefined,
      offeredAt: this.#parts.now() - age,
    };
    if (!numbered) this.#note(item, { kind: 'numbered', ref, producer, counter });
    this.#add(recipient, item);
  }

  /** Opens the outbox on a new connection: every unanswered send is written again. */
  open(transmit: Transmit): void {
    this.#transmit = transmit;
    this.#blocked = false;
    for (const stream of this.#streams.values()) this.#repeat(stream);
    this.pump();
  }

  /** The connection is gone. */
  shut(): void {
    this.#transmit = undefined;
    for (const stream of this.#streams.values()) stream.shut();
  }

  /** The connection takes more. */
  onDrain(): void {
    this.#blocked = false;
    this.pump();
  }

  /** Writes the sends that may be written. */
  pump(): void {
    for (const stream of this.#waiting) if (!this.#pumpStream(stream)) return;
  }

  onReceipt(receipt: wire.Receipt): void {
    const stream = this.#streams.get(receipt.to === 0 ? `group:${receipt.group}` : `inbox:${receipt.to}`);
    if (stream === undefined) return;
    const at = stream.items.findIndex(
      (i) => i.counter === receipt.counter && i.producer === receipt.producer,
    );
    const item = stream.items[at];
    if (item === undefined) return; // it was answered on an earlier connection
    this.#unwrite(item);
    switch (receipt.outcome) {
      case wire.OUTCOMES.stored:
        stream.backoff.reset();
        this.#stored(stream, at, item, receipt.seq, receipt.n);
        break;
      case wire.OUTCOMES.refused:
        // Renumbers before the caller is told, which may send again at once.
        this.#renumber(stream, item.producer, item.counter);
        this.#settle(stream, at, item, { outcome: 'refused', code: receipt.code, text: receipt.text });
        break;
      case wire.OUTCOMES.gap:
        this.#onGap(stream, receipt.last);
        this.#repeatLater(stream);
        break;
      case wire.OUTCOMES.unknownProducer:
        this.#onUnknownProducer(stream, at, item);
        break;
      default: // RETRY, and what a newer server may say: the same again is safe
        this.#repeatLater(stream);
    }
    this.pump();
  }

  /** Takes the answer to `find`. Sends that the stream does not certainly hold get new numbers. */
  onFound({ to, group, producer, last, oldestAt }: wire.Found): void {
    const stream = this.#streams.get(to === 0 ? `group:${group}` : `inbox:${to}`);
    if (stream === undefined || stream.doubt !== producer) return;
    stream.doubt = undefined;
    for (let [first] = stream.items; first?.producer === producer; [first] = stream.items) {
      // Counters are stored in order: if the last one is there, those before it were.
      if (first.counter <= last) this.#stored(stream, 0, first);
      else if (last === 0 && mayBeTrimmed(first, oldestAt))
        this.#settle(stream, 0, first, {
          outcome: 'unknown',
          text: 'the store no longer knows whether it had this message: the stream has trimmed that time',
        });
      else {
        this.#renumber(stream, first.producer, first.counter - 1, false);
        break;
      }
    }
    this.#waiting.add(stream);
    this.pump();
  }

  /** The store has lost entries of this client. Later sends get a new producer id. The caller pumps. */
  renew(recipient: WireRecipient): void {
    const stream = this.#streamOf(recipient);
    stream.renew();
    this.#waiting.add(stream);
  }

  /** Whether a send of the stream is unanswered. */
  awaits(stream: string): boolean {
    return (this.#streams.get(stream)?.items.length ?? 0) > 0;
  }

  /** When the oldest unanswered send was written, by `now`. */
  oldestWritten(): number | undefined {
    let oldest: number | undefined;
    for (const stream of this.#streams.values()) {
      const at = stream.items[0]?.writtenAt;
      if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at;
    }
    return oldest;
  }

  /** Gives back sends offered before `deadline`. */
  expire(deadline: number, text: string): void {
    for (const stream of this.#streams.values()) {
      for (
        let [first] = stream.items;
        first !== undefined && first.offeredAt < deadline;
        [first] = stream.items
      ) {
        this.#unwrite(first);
        this.#settle(stream, 0, first, { outcome: 'unknown', text });
      }
    }
  }

  /** Ends all sends as unknown when the client ends. Their records stay for the next process. */
  abandon(text: string): void {
    this.shut();
    this.#size = 0;
    this.#bytes = 0;
    for (const stream of this.#streams.values())
      for (const item of stream.items.splice(0)) {
        item.settle({ outcome: 'unknown', text });
      }
  }

  /** Stores the present state of the item. It is written when that is stored. */
  #note(item: SendItem, record: SendRecord): void {
    const kept = this.#parts.note(record);
    if (kept === undefined) return;
    item.unsaved++;
    void kept.then(() => {
      item.unsaved--;
      this.pump();
    });
  }

  #add(recipient: WireRecipient, item: SendItem): void {
    const stream = this.#streamOf(recipient);
    this.#size++;
    this.#bytes += item.content.length;
    stream.items.push(item);
    this.#waiting.add(stream);
  }

  #streamOf(recipient: WireRecipient): StreamOut {
    const known = this.#streams.get(recipient.stream);
    if (known !== undefined) return known;
    const stream = new StreamOut(recipient, this.#producer, this.#ofStreams);
    this.#streams.set(recipient.stream, stream);
    return stream;
  }

  /** Answers false when nothing more may be written now, on any stream. */
  #pumpStream(stream: StreamOut): boolean {
    const transmit = this.#transmit;
    if (transmit === undefined || this.#blocked) return false;
    if (stream.pause !== undefined || stream.doubt !== undefined) return true;
    for (const item of stream.items) {
      if (item.writtenAt !== undefined) continue;
      if (item.unsaved > 0) return true;
      if (this.#written >= WINDOW) return false;
      // Sends of another producer before this one must be answered first, or this one could overtake them.
      if (item.producer !== stream.items[0]?.producer) return true;
      item.writtenAt = this.#parts.now();
      item.once = !item.again;
      this.#written++;
      const { to, group } = stream.recipient;
      const { producer, counter, content, again } = item;
      item.again = true;
      this.#blocked = !transmit({ to, group, producer, counter, content, ...(again && { again }) });
      if (this.#blocked) return false;
    }
    this.#waiting.delete(stream);
    return true;
  }

  #onGap(stream: StreamOut, last: number): void {
    const [first] = stream.items;
    if (first === undefined || last >= first.counter - 1) return;
    const { producer } = first;
    this.#renumber(stream, producer, first.counter - 1);
    this.#parts.gap(stream.recipient, producer, last);
  }

  #onUnknownProducer(stream: StreamOut, at: number, item: SendItem): void {
    // The answer to the first send decides: it may have been postponed, and this one came too early.
    if (at > 0) this.#repeatLater(stream);
    // Written once, and answered that nothing was stored.
    else if (item.once) this.#renumber(stream, item.producer, item.counter - 1);
    else {
      for (const other of stream.items) this.#unwrite(other);
      stream.doubt = item.producer;
      this.#parts.find(stream.recipient, item.producer);
    }
  }

  #renumber(stream: StreamOut, ...from: Parameters<StreamOut['renumber']>): void {
    stream.renumber(...from);
    this.#waiting.add(stream);
  }

  #repeatLater(stream: StreamOut): void {
    stream.pause ??= this.#parts.after(stream.backoff.next(), () => {
      stream.pause = undefined;
      this.#repeat(stream);
      this.pump();
    });
  }

  #repeat(stream: StreamOut): void {
    for (const item of stream.items) this.#unwrite(item);
    if (stream.items.length > 0) this.#waiting.add(stream);
  }

  #unwrite(item: SendItem): void {
    if (item.writtenAt === undefined) return;
    item.writtenAt = undefined;
    this.#written--;
  }

  #stored(stream: StreamOut, at: number, item: SendItem, seq = 0, n = 0): void {
    const { producer, counter } = item;
    const id = messageId(this.#parts.me, producer, counter);
    this.#settle(stream, at, item, { outcome: 'stored', id, seq: seq as Seq, n, producer, counter });
  }

  #settle(stream: StreamOut, at: number, item: SendItem, settled: Settled): void {
    stream.items.splice(at, 1);
    this.#size--;
    this.#bytes -= item.content.length;
    void this.#parts.note({ kind: 'settled', ref: item.ref, outcome: { ref: item.ref, ...settled } });
    item.settle(settled);
  }
}
