import { Backoff } from '@cim/runtime';
import { cim, messageId } from '@cim/protocol';
import type { MessageId, ProducerId, Seq, UserId } from '@cim/protocol';
import type { WireRecipient } from './recipient.ts';
import type { SavedSend, SendRecord } from './send-journal.ts';
import type { SavedState } from './state.ts';

export type Settled =
  | {
      readonly outcome: 'stored';
      readonly id: MessageId;
      readonly seq: Seq;
      readonly producer: ProducerId;
      readonly counter: number;
    }
  | { readonly outcome: 'refused'; readonly code: string; readonly text: string }
  | { readonly outcome: 'unknown'; readonly text: string };

export interface OutboxParts {
  readonly me: UserId;
  /** Sends of one process that may be unanswered. */
  readonly capacity: number;
  /** Bytes of their contents. */
  readonly capacityBytes: number;
  /** What must outlive a crash; kept, or given up, when it returns. */
  note(record: SendRecord): void;
  newProducer(): ProducerId;
  random(): number;
  /** Monotonic, ms. */
  now(): number;
  /** ms since 1970. */
  time(): number;
  /** The store has `last` of the producer's counters at most, and more had been answered, or given back. */
  gap(recipient: WireRecipient, producer: ProducerId, last: number): void;
}

/** Writes one send. False: it was taken, but wait for `pump` before the next. */
export type Transmit = (send: cim.Send.$Properties) => boolean;

interface Item {
  readonly ref: number;
  readonly content: Uint8Array;
  readonly settle: (settled: Settled) => void;
  /** Given when it is first written, kept for every repetition; counter 0 before. */
  producer: ProducerId;
  counter: number;
  /** Written on this connection and not answered; when, by `now`. */
  writtenAt: number | undefined;
  readonly offeredAt: number;
}

interface StreamOut {
  readonly recipient: WireRecipient;
  /** Unanswered, in order. */
  readonly items: Item[];
  producer: ProducerId;
  /** Last one given under `producer`. */
  counter: number;
  /** The next item written starts a new producer id, once those before it are answered. */
  renew: boolean;
  /** Set while a repetition waits; nothing of the stream is written meanwhile. */
  pause: NodeJS.Timeout | undefined;
  readonly backoff: Backoff;
}

/** Written and unanswered at most, so that a server that answers slowly is not buried. */
const WINDOW = 512;
const KEPT_STREAMS = 64;

/**
 * Sends that are not answered, in order per recipient. A send keeps its producer id and counter through every
 * repetition, so that the store takes it once. Counters have no gaps: one that was refused leaves its number unused,
 * and what follows goes under a new producer id.
 *
 * Counters go on in the next process only from a journal that has every number before it is used, or from what a clean
 * close with nothing unanswered has saved: a number that is used twice would hide a message.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  /** By stream name; kept while the client lives, its counter must go on. */
  readonly #streams = new Map<string, StreamOut>();
  /** Streams that may have something to write, in turn. */
  readonly #waiting = new Set<StreamOut>();
  readonly #saved: SavedState['counters'];
  readonly #producer: ProducerId;
  #transmit: Transmit | undefined;
  #size = 0;
  #bytes = 0;
  #written = 0;

  constructor(parts: OutboxParts, saved: SavedState['counters']) {
    this.#parts = parts;
    this.#saved = saved;
    this.#producer = parts.newProducer();
  }

  /** Unanswered sends. */
  get size(): number {
    return this.#size;
  }

  /** False when it is full; else `settle` is called once, later. */
  offer(
    ref: number,
    recipient: WireRecipient,
    content: Uint8Array,
    settle: (settled: Settled) => void,
  ): boolean {
    const { capacity, capacityBytes } = this.#parts;
    if (this.#size >= capacity || this.#bytes + content.length > capacityBytes) return false;
    const { to, group } = recipient;
    this.#parts.note({ kind: 'offered', ref, to, group, offeredAt: this.#parts.time(), content });
    this.#add(recipient, {
      ref,
      content,
      settle,
      producer: this.#producer,
      counter: 0,
      writtenAt: undefined,
      offeredAt: this.#parts.now(),
    });
    this.pump();
    return true;
  }

  /** Takes over what a process before has left; before the first `offer`, in order. */
  restore(recipient: WireRecipient, send: SavedSend, settle: (settled: Settled) => void): void {
    const { ref, content, counter, producer = this.#producer } = send;
    const age = Math.max(0, this.#parts.time() - send.offeredAt);
    const offeredAt = this.#parts.now() - age;
    const stream = this.#add(recipient, {
      ref,
      content,
      settle,
      producer,
      counter,
      writtenAt: undefined,
      offeredAt,
    });
    // Where its counting stood is not known: a number could be given twice.
    if (counter > 0 && (stream.producer !== producer || stream.counter < counter)) stream.renew = true;
  }

  /** A connection is there: everything unanswered goes again. */
  open(transmit: Transmit): void {
    this.#transmit = transmit;
    for (const stream of this.#streams.values()) this.#again(stream);
    this.pump();
  }

  /** The connection is gone. */
  shut(): void {
    this.#transmit = undefined;
    for (const stream of this.#streams.values()) {
      clearTimeout(stream.pause);
      stream.pause = undefined;
    }
  }

  /** Writes what may be written; call it when the connection has drained. */
  pump(): void {
    for (const stream of this.#waiting) if (!this.#pumpStream(stream)) return;
  }

  onReceipt(receipt: cim.Receipt): void {
    const stream = this.#streams.get(receipt.to === 0 ? `group:${receipt.group}` : `inbox:${receipt.to}`);
    if (stream === undefined) return;
    const at = stream.items.findIndex(
      (i) => i.counter === receipt.counter && i.producer === receipt.producer,
    );
    const item = stream.items[at];
    if (item === undefined) return; // answered before, on an earlier connection
    this.#unwrite(item);
    switch (receipt.outcome) {
      case cim.Outcome.STORED:
        stream.backoff.reset();
        this.#settle(stream, at, item, {
          outcome: 'stored',
          id: messageId(this.#parts.me, item.producer, item.counter),
          seq: receipt.seq as Seq,
          producer: item.producer,
          counter: item.counter,
        });
        break;
      case cim.Outcome.REFUSED:
        // Before the caller is told: it may send again at once.
        this.#renumber(stream, at + 1);
        this.#settle(stream, at, item, { outcome: 'refused', code: receipt.code, text: receipt.text });
        break;
      case cim.Outcome.GAP:
        this.#onGap(stream, receipt.last);
        this.#repeatLater(stream);
        break;
      default: // RETRY, and what a newer server may say: the same again is safe
        this.#repeatLater(stream);
    }
    this.pump();
  }

  /** The store has lost entries of ours: what comes goes under a new producer id. The caller pumps. */
  renew(recipient: WireRecipient): void {
    this.#renumber(this.#streamOf(recipient), 0);
  }

  /** Whether a send of the stream is not answered. */
  awaits(stream: string): boolean {
    return (this.#streams.get(stream)?.items.length ?? 0) > 0;
  }

  /** Since when the oldest written send is unanswered, by `now`. */
  oldestWritten(): number | undefined {
    let oldest: number | undefined;
    for (const stream of this.#streams.values()) {
      const at = stream.items[0]?.writtenAt;
      if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at;
    }
    return oldest;
  }

  /** Gives back what has waited since before `deadline`. */
  expire(deadline: number, text: string): void {
    for (const stream of this.#streams.values()) {
      for (
        let first = stream.items[0];
        first !== undefined && first.offeredAt < deadline;
        first = stream.items[0]
      ) {
        this.#unwrite(first);
        this.#settle(stream, 0, first, { outcome: 'unknown', text });
      }
    }
  }

  /** Answers all as not known: the client ends. What was noted of them stays, for the next process. */
  abandon(text: string): void {
    this.shut();
    this.#size = 0;
    this.#bytes = 0;
    for (const stream of this.#streams.values())
      for (const item of stream.items.splice(0)) {
        item.settle({ outcome: 'unknown', text });
      }
  }

  /** What may be saved at a clean close: streams with nothing unanswered; the newest 64. */
  counters(): Record<string, { producer: ProducerId; counter: number }> {
    const settled = [...this.#streams].filter(([, s]) => s.items.length === 0 && s.counter > 0 && !s.renew);
    return Object.fromEntries(
      settled.slice(-KEPT_STREAMS).map(([name, s]) => [name, { producer: s.producer, counter: s.counter }]),
    );
  }

  #add(recipient: WireRecipient, item: Item): StreamOut {
    const stream = this.#streamOf(recipient);
    this.#size++;
    this.#bytes += item.content.length;
    stream.items.push(item);
    this.#waiting.add(stream);
    return stream;
  }

  #streamOf(recipient: WireRecipient): StreamOut {
    const known = this.#streams.get(recipient.stream);
    if (known !== undefined) return known;
    const saved = Object.hasOwn(this.#saved, recipient.stream) ? this.#saved[recipient.stream] : undefined;
    const stream: StreamOut = {
      recipient,
      items: [],
      producer: saved?.producer ?? this.#producer,
      counter: saved?.counter ?? 0,
      renew: false,
      pause: undefined,
      backoff: new Backoff(100, 5_000, () => this.#parts.random()),
    };
    this.#streams.set(recipient.stream, stream);
    return stream;
  }

  /** False when nothing more may be written now, whatever the stream. */
  #pumpStream(stream: StreamOut): boolean {
    const transmit = this.#transmit;
    if (transmit === undefined) return false;
    if (stream.pause !== undefined) return true;
    for (const [at, item] of stream.items.entries()) {
      if (item.writtenAt !== undefined) continue;
      if (this.#written >= WINDOW) return false;
      if (item.counter === 0) {
        if (stream.renew) {
          if (at > 0) return true; // those before it are under the old id: their answers come first
          stream.renew = false;
          stream.producer = this.#parts.newProducer();
          stream.counter = 0;
        }
        item.producer = stream.producer;
        item.counter = ++stream.counter;
        this.#parts.note({ kind: 'numbered', ref: item.ref, producer: item.producer, counter: item.counter });
      }
      item.writtenAt = this.#parts.now();
      this.#written++;
      const { to, group } = stream.recipient;
      const { producer, counter, content } = item;
      if (!transmit({ to, group, producer, counter, content })) return false;
    }
    this.#waiting.delete(stream);
    return true;
  }

  #onGap(stream: StreamOut, last: number): void {
    const first = stream.items[0];
    if (first === undefined || last >= first.counter - 1) return;
    const { producer } = first;
    this.#renumber(stream, 0);
    this.#parts.gap(stream.recipient, producer, last);
  }

  /** All from `at` on get new numbers under a new producer id. */
  #renumber(stream: StreamOut, at: number): void {
    this.#parts.note({ kind: 'counting', stream: stream.recipient.stream, producer: '', counter: 0 });
    for (const item of stream.items.slice(at)) {
      this.#unwrite(item);
      if (item.counter > 0) this.#parts.note({ kind: 'unnumbered', ref: item.ref });
      item.counter = 0;
    }
    stream.renew = true;
    this.#waiting.add(stream);
  }

  #repeatLater(stream: StreamOut): void {
    stream.pause ??= setTimeout(() => {
      stream.pause = undefined;
      this.#again(stream);
      this.pump();
    }, stream.backoff.next());
  }

  #again(stream: StreamOut): void {
    for (const item of stream.items) this.#unwrite(item);
    if (stream.items.length > 0) this.#waiting.add(stream);
  }

  #unwrite(item: Item): void {
    if (item.writtenAt === undefined) return;
    item.writtenAt = undefined;
    this.#written--;
  }

  #settle(stream: StreamOut, at: number, item: Item, settled: Settled): void {
    stream.items.splice(at, 1);
    this.#size--;
    this.#bytes -= item.content.length;
    this.#parts.note({ kind: 'settled', ref: item.ref });
    item.settle(settled);
  }
}
