import { CODES, decodeContent, type wire, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Logger } from './logger.ts';
import { Deliveries } from './deliveries.ts';
import type { ClientEvents, Outgoing, Recipient, SendOutcome } from './events.ts';
import { Finding } from './finding.ts';
import type { Link } from './link.ts';
import { Outbox } from './outbox.ts';
import { type Encoded, encodeOutgoing } from './outgoing.ts';
import { recipientOf, recipientProblem, wireRecipient, wireRecipientOf } from './recipient.ts';
import type { WireRecipient } from './recipient.ts';
import type { SavedSend, SendJournal } from './send-journal.ts';
import type { SavedState } from './state.ts';
import { type Loss, StoredCounters } from './stored-counters.ts';
import type { Settled } from './stream-out.ts';
import type { Cancel, Timers } from './timers.ts';

/** The parts of the client that `Sending` uses. */
export interface SendingParts extends Timers {
  readonly me: UserId;
  readonly capacity: number;
  readonly logger: Logger;
  /** Where unanswered sends survive a crash. */
  readonly journal: SendJournal | undefined;
  newProducer(): ProducerId;
  producerAfter(producer: ProducerId, counter: number): ProducerId;
  random(): number;
  /** When the newest received entry was stored [ms, the store's clock]; 0: none was. */
  storeTime(): number;
  emit<K extends keyof ClientEvents>(event: K, value: ClientEvents[K]): void;
  /** Called when there is something new to save; it may wait a second. */
  changed(): void;
}

/** A send that waits for room in the outbox. */
interface Early extends Encoded {
  readonly ref: number;
  readonly to: Recipient;
  readonly resolve: (outcome: SendOutcome) => void;
}

/** Wait before a question that the server could not answer is asked again [ms]. */
const ASK_AGAIN_MS = 15_000;
const OUTBOX_BYTES = 16 * 1024 * 1024;
/**
 * Most sends that wait for room in the outbox: a program that never awaits its sends must not fill the
 * memory.
 */
const EARLY = 100_000;
const EARLY_BYTES = 64 * 1024 * 1024;
/** An unanswered send goes back to the application after this time [ms]. */
const UNANSWERED_MS = 7 * 24 * 3_600_000;

/** The outgoing side: sends, their outcomes, and whether the store still has them. */
export class Sending {
  readonly #parts: SendingParts;
  readonly #outbox: Outbox;
  readonly #counters: StoredCounters;
  readonly #deliveries: Deliveries;
  readonly #finding: Finding;
  /** Sends in the order of calls. Removed when there is room in the outbox. */
  readonly #early = new Set<Early>();
  #earlyBytes = 0;
  #link: Link | undefined;
  #asking: Cancel | undefined;
  #refs = 0;

  /** @param left the journal's sends of earlier processes */
  constructor(parts: SendingParts, stored: SavedState['stored'], left: readonly SavedSend[]) {
    this.#parts = parts;
    this.#counters = new StoredCounters(stored, () => parts.time());
    this.#deliveries = new Deliveries((event) => parts.emit('delivered', event));
    this.#finding = new Finding((find) => this.#link?.ask('find', find), parts);
    this.#outbox = new Outbox({
      me: parts.me,
      capacity: parts.capacity,
      capacityBytes: OUTBOX_BYTES,
      note: (record) => parts.journal?.note(record),
      newProducer: () => parts.newProducer(),
      producerAfter: (producer, counter) => parts.producerAfter(producer, counter),
      random: () => parts.random(),
      after: (ms, callback) => parts.after(ms, callback),
      now: () => parts.now(),
      time: () => parts.time(),
      storeTime: () => parts.storeTime(),
      gap: (recipient, producer, last) => {
        const loss = this.#counters.gap(recipient, producer, last);
        if (loss !== undefined) this.#tellLost(loss);
      },
      find: (recipient, producer) => this.#finding.want(recipient, producer),
    });
    this.#restore(left);
  }

  /** Number of unanswered sends. */
  get unanswered(): number {
    return this.#outbox.size + this.#early.size;
  }

  send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    const ref = this.nextRef();
    const problem = recipientProblem(to);
    if (problem !== undefined) return refused(ref, CODES.invalid.code, problem);
    const encoded = encodeOutgoing(what);
    if ('problem' in encoded) return refused(ref, encoded.code, encoded.problem);
    return this.sendEncoded(ref, to, encoded);
  }

  /** @param ref number of a send that this process has not numbered itself */
  sendEncoded(ref: number, to: Recipient, encoded: Encoded): Promise<SendOutcome> {
    const { content } = encoded;
    if (this.#early.size >= EARLY || this.#earlyBytes + content.length > EARLY_BYTES)
      return refused(
        ref,
        CODES.limited.code,
        `${this.unanswered} messages wait for an answer; wait for some of them before you send more`,
      );
    return new Promise((resolve) => {
      this.#early.add({ ...encoded, ref, to, resolve });
      this.#earlyBytes += content.length;
      this.#admit();
    });
  }

  nextRef(): number {
    return ++this.#refs;
  }

  /** A new connection: every unanswered send is written again, and missed answers are asked for. */
  open(link: Link): void {
    this.#link = link;
    this.#askCounters();
    for (const delivered of this.#deliveries.questions()) link.ask('delivered', delivered);
    this.#outbox.open((send) => link.send(send));
  }

  /** The connection is gone. */
  shut(): void {
    this.#link = undefined;
    this.#asking?.();
    this.#finding.clear();
    this.#outbox.shut();
  }

  /** The connection takes more. */
  onDrain(): void {
    this.#outbox.onDrain();
  }

  oldestWritten(): number | undefined {
    return this.#outbox.oldestWritten();
  }

  onReceipt(receipt: wire.Receipt): void {
    this.#outbox.onReceipt(receipt);
    this.#admit();
  }

  onFound(found: wire.Found): void {
    this.#outbox.onFound(found);
    this.#finding.answered(found);
    this.#admit();
  }

  onDelivered({ to, seq }: wire.Delivered): void {
    this.#deliveries.passed(
      to as UserId,
      seq as Seq,
      this.#outbox.awaits(wireRecipient({ user: to }).stream),
    );
  }

  /** Takes the counters that the store has. An empty list means that the store may have lost something. */
  onCounters(counters: wire.Counters): void {
    if (counters.counters.length === 0) {
      this.#askCounters();
      return;
    }
    const losses = this.#counters.answer(counters);
    // Renewed before anybody is told, since a listener may send at once.
    for (const { recipient } of losses) this.#outbox.renew(recipient);
    for (const loss of losses) this.#tellLost(loss);
    this.#outbox.pump();
  }

  /** Gives back sends that the server has not answered for 7 days. */
  expire(): void {
    this.#outbox.expire(this.#parts.now() - UNANSWERED_MS, 'the server did not answer for 7 days');
    this.#admit();
  }

  /** Ends all sends, because the client ends. */
  end(text: string): void {
    this.shut();
    const early = [...this.#early];
    this.#early.clear();
    this.#outbox.abandon(text);
    for (const { ref, resolve } of early)
      resolve({ outcome: 'refused', ref, code: CODES.failure.code, text: `not sent: ${text}` });
  }

  /** The stored counters for the saved state, so that the next process asks about them. */
  stored(): SavedState['stored'] {
    return this.#counters.saved();
  }

  /** Moves waiting sends into the outbox while there is room. */
  #admit(): void {
    for (const early of this.#early) {
      const { ref, to, content, resolve } = early;
      if (!this.#outbox.hasRoomFor(content.length)) break;
      this.#early.delete(early);
      this.#earlyBytes -= content.length;
      const recipient = wireRecipient(to);
      this.#outbox.offer(ref, recipient, content, (settled) => {
        this.#settled(ref, recipient, settled);
        resolve({ ref, ...settled });
      });
      this.#tellQueued(ref, to, early, false);
    }
    this.#outbox.pump();
  }

  #restore(sends: readonly SavedSend[]): void {
    for (const send of sends) {
      const recipient = wireRecipientOf(send.to, send.group);
      const { ref } = send;
      this.#refs = Math.max(this.#refs, ref);
      this.#outbox.restore(recipient, send, (settled) => this.#settled(ref, recipient, settled));
      const { texts = [], type = '', ref: about = '' } = decodeContent(send.content) ?? {};
      this.#tellQueued(ref, recipientOf(recipient), { texts, type, about }, true);
    }
    this.expire();
  }

  #tellQueued(ref: number, to: Recipient, said: Omit<Encoded, 'content'>, restored: boolean): void {
    const { texts, type, about } = said;
    this.#parts.emit('queued', { ref, to, texts, type, ...(about !== '' && { about }), restored });
  }

  #settled(ref: number, recipient: WireRecipient, settled: Settled): void {
    switch (settled.outcome) {
      case 'stored':
        this.#counters.stored(recipient, settled.producer, settled.counter, settled.seq);
        this.#parts.changed();
        this.#parts.emit('stored', { ref, id: settled.id, seq: settled.seq, n: settled.n });
        if (recipient.to !== 0 && settled.seq > 0)
          this.#deliveries.stored(ref, recipient.to as UserId, settled.seq);
        return;
      case 'refused':
        this.#parts.emit('refused', { ref, code: settled.code, text: settled.text });
        return;
      case 'unknown':
        this.#parts.emit('unknown', { ref, text: settled.text });
    }
  }

  #askCounters(): void {
    this.#asking?.();
    const counters = this.#counters.question();
    if (counters === undefined || this.#link === undefined) return;
    this.#link.ask('counters', counters);
    this.#asking = this.#parts.after(ASK_AGAIN_MS, () => {
      if (this.#counters.asking) this.#askCounters();
    });
  }

  #tellLost({ recipient, from, upTo }: Loss): void {
    this.#parts.logger.warn({ stream: recipient.stream, from, upTo }, 'client.sends-lost');
    this.#deliveries.forget(recipient.to as UserId);
    this.#parts.changed();
    this.#parts.emit('lost', { to: recipientOf(recipient), from, upTo });
  }
}

/** The outcome of a send that goes nowhere. */
export const refused = (ref: number, code: string, text: string): Promise<SendOutcome> =>
  Promise.resolve({ outcome: 'refused', ref, code, text });
