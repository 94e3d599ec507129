import { CODES, cim, isUserId, textsProblem, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import { Deliveries } from './deliveries.ts';
import type { ClientEvents, Recipient, SendOutcome } from './events.ts';
import type { Link } from './link.ts';
import { Outbox, type Settled } from './outbox.ts';
import { recipientOf, wellFormed, type WireRecipient, wireRecipient, wireRecipientOf } from './recipient.ts';
import type { SavedSends, SendJournal } from './send-journal.ts';
import type { SavedState } from './state.ts';
import { type Loss, StoredCounters } from './stored-counters.ts';

/** What `Sending` needs from the client around it. */
export interface SendingParts {
  readonly me: UserId;
  readonly capacity: number;
  readonly logger: Logger;
  /** Where unanswered sends outlive a crash. */
  readonly journal: SendJournal | undefined;
  newProducer(): ProducerId;
  random(): number;
  /** Monotonic, ms. */
  now(): number;
  /** ms since 1970. */
  time(): number;
  emit<K extends keyof ClientEvents>(event: K, value: ClientEvents[K]): void;
  /** There is something new to be saved; it may wait a second. */
  changed(): void;
}

/** A question that the server could not answer is asked again. */
const ASK_AGAIN_MS = 15_000;
const OUTBOX_BYTES = 16 * 1024 * 1024;
/** After this an unanswered send goes back to the application. */
const UNANSWERED_MS = 7 * 24 * 3_600_000;

/** What goes out: sends, what becomes of each, and what the store still has of them. */
export class Sending {
  readonly #parts: SendingParts;
  readonly #outbox: Outbox;
  readonly #counters: StoredCounters;
  readonly #deliveries: Deliveries;
  #link: Link | undefined;
  #asking: NodeJS.Timeout | undefined;
  #refs = 0;

  /** @param left what the journal has of the process before */
  constructor(parts: SendingParts, saved: Partial<SavedState>, left: SavedSends | undefined) {
    this.#parts = parts;
    this.#counters = new StoredCounters(saved.stored ?? {}, () => parts.time());
    this.#deliveries = new Deliveries((event) => parts.emit('delivered', event));
    this.#outbox = new Outbox(
      {
        me: parts.me,
        capacity: parts.capacity,
        capacityBytes: OUTBOX_BYTES,
        note: (record) => parts.journal?.note(record),
        newProducer: () => parts.newProducer(),
        random: () => parts.random(),
        now: () => parts.now(),
        time: () => parts.time(),
        gap: (recipient, producer, last) => {
          const loss = this.#counters.gap(recipient, producer, last);
          if (loss !== undefined) this.#tellLost(loss);
        },
      },
      left?.counters ?? saved.counters ?? {},
    );
    this.#restore(left?.sends ?? []);
  }

  /** Sends that are not answered. */
  get unanswered(): number {
    return this.#outbox.size;
  }

  send(to: Recipient, texts: readonly string[]): Promise<SendOutcome> {
    const ref = this.nextRef();
    const problem = textsProblem(texts);
    if (problem !== undefined) return refused(ref, CODES.invalid.code, problem);
    if ('user' in to && !isUserId(to.user))
      return refused(ref, CODES.invalid.code, `${String(to.user)} is no user id`);
    const content = cim.Content.encode({ texts: texts.map(wellFormed) }).finish();
    const recipient = wireRecipient(to);
    return new Promise((resolve) => {
      const settle = (settled: Settled): void => {
        this.#settled(ref, recipient, settled);
        resolve({ ref, ...settled });
      };
      if (this.#outbox.offer(ref, recipient, content, settle))
        this.#parts.emit('queued', { ref, to, texts, restored: false });
      else {
        const text = `${this.#outbox.size} messages wait for an answer already; try again later`;
        resolve({ outcome: 'refused', ref, code: CODES.limited.code, text });
      }
    });
  }

  nextRef(): number {
    return ++this.#refs;
  }

  /** A connection is there: everything unanswered goes again, and what may have been missed is asked. */
  open(link: Link): void {
    this.#link = link;
    this.#askCounters();
    for (const delivered of this.#deliveries.questions()) link.ask({ delivered });
    this.#outbox.open((send) => link.send(send));
  }

  /** The connection is gone. */
  shut(): void {
    this.#link = undefined;
    clearTimeout(this.#asking);
    this.#outbox.shut();
  }

  pump(): void {
    this.#outbox.pump();
  }

  oldestWritten(): number | undefined {
    return this.#outbox.oldestWritten();
  }

  onReceipt(receipt: cim.Receipt): void {
    this.#outbox.onReceipt(receipt);
  }

  onDelivered({ to, seq }: cim.Delivered): void {
    this.#deliveries.passed(
      to as UserId,
      seq as Seq,
      this.#outbox.awaits(wireRecipient({ user: to }).stream),
    );
  }

  /** What the store has, or with an empty list: it may have lost something. */
  onCounters(counters: cim.Counters): void {
    if (counters.counters.length === 0) {
      this.#askCounters();
      return;
    }
    const losses = this.#counters.answer(counters);
    // Before anybody is told, who may send again at once.
    for (const { recipient } of losses) this.#outbox.renew(recipient);
    for (const loss of losses) this.#tellLost(loss);
    this.#outbox.pump();
  }

  /** Gives back what the server has not answered for 7 days. */
  expire(): void {
    this.#outbox.expire(this.#parts.now() - UNANSWERED_MS, 'the server did not answer for 7 days');
  }

  /** The client ends. Answers what may be saved. */
  end(text: string): Pick<SavedState, 'counters' | 'stored'> {
    const counters = this.#parts.journal === undefined ? this.#outbox.counters() : {};
    const saved = { counters, stored: this.#counters.saved() };
    this.shut();
    this.#outbox.abandon(text);
    return saved;
  }

  /** For a save while the client lives. Counters would be old by the time they are read. */
  saved(): Pick<SavedState, 'counters' | 'stored'> {
    return { counters: {}, stored: this.#counters.saved() };
  }

  #restore(sends: SavedSends['sends']): void {
    for (const send of sends) {
      const recipient = wireRecipientOf(send.to, send.group);
      const { ref } = send;
      this.#refs = Math.max(this.#refs, ref);
      this.#outbox.restore(recipient, send, (settled) => this.#settled(ref, recipient, settled));
      const { texts } = cim.Content.decode(send.content);
      this.#parts.emit('queued', { ref, to: recipientOf(recipient), texts, restored: true });
    }
    this.expire();
  }

  #settled(ref: number, recipient: WireRecipient, settled: Settled): void {
    switch (settled.outcome) {
      case 'stored':
        this.#counters.stored(recipient, settled.producer, settled.counter);
        this.#parts.changed();
        this.#parts.emit('stored', { ref, id: settled.id, seq: settled.seq });
        if (recipient.to !== 0) this.#deliveries.stored(ref, recipient.to as UserId, settled.seq);
        return;
      case 'refused':
        this.#parts.emit('refused', { ref, code: settled.code, text: settled.text });
        return;
      case 'unknown':
        this.#parts.emit('unknown', { ref, text: settled.text });
    }
  }

  #askCounters(): void {
    clearTimeout(this.#asking);
    const counters = this.#counters.question();
    if (counters === undefined || this.#link === undefined) return;
    this.#link.ask({ counters });
    this.#asking = setTimeout(() => {
      if (this.#counters.asking) this.#askCounters();
    }, ASK_AGAIN_MS);
  }

  #tellLost({ recipient, from, upTo }: Loss): void {
    this.#parts.logger.warn({ stream: recipient.stream, from, upTo }, 'client.sends-lost');
    this.#deliveries.forget(recipient.to as UserId);
    this.#parts.changed();
    this.#parts.emit('lost', { to: recipientOf(recipient), from, upTo });
  }
}

/** The answer to a send that goes nowhere. */
export const refused = (ref: number, code: string, text: string): Promise<SendOutcome> =>
  Promise.resolve({ outcome: 'refused', ref, code, text });
