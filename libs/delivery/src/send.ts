import { hash } from 'node:crypto';
import {
  type ContentFacts,
  copyProducer,
  type MessageId,
  ownerOf,
  type ProducerId,
  type UserId,
  kindOf,
} from '@cim/protocol';
import type { Observer, RareWarning } from '@cim/runtime';
import { type AppendAnswer, type Entry, type Stored, type Streams } from '@cim/store';
import { Delivery, type DeliveryParts, type Online, type Pusher, sendStep } from './delivery.ts';
import type { GroupRings } from './group-rings.ts';
import type { Locations } from './locations.ts';
import { type HeldMessages, WAITS } from './moderation/held-messages.ts';
import { retry, shareIsRead, unstored } from './send-problems.ts';
import type { SendReceipt, SendRequest } from './send-request.ts';

/** Waits before a send is tried again when the store does not answer and the caller cannot repeat it [ms]. */
const AGAIN_AFTER_MS = [100, 400] as const;

/** The parts that all sends share. */
export interface SendParts {
  readonly streams: Pick<Streams, 'append'>;
  readonly locations: Pick<Locations, 'expect' | 'find'>;
  readonly delivery: DeliveryParts;
  readonly rings: Pick<GroupRings, 'ring'>;
  readonly held: Pick<HeldMessages, 'knows' | 'hold'>;
  readonly observer: Pick<Observer, 'sendAnswered' | 'appended'>;
  /** The warning of appends that failed. */
  readonly failed: RareWarning;
  /**
   * Whether a user may have several devices at once. If not, the session that sends is the only one, and its
   * receipt tells it of the copy.
   */
  readonly severalDevices: boolean;
}

/** One send from its acceptance to its answer: append, push, receipt. */
export class Send implements Pusher {
  readonly #request: SendRequest;
  readonly #facts: ContentFacts;
  readonly #parts: SendParts;
  readonly #done: (receipt: SendReceipt) => void;
  /** Undefined for a send to a group. */
  readonly #recipient: UserId | undefined;
  readonly #begun = performance.now();
  /** What is stored: what was sent, or what moderation has made of it. */
  #content: Uint8Array;
  #appendBegun = 0;
  #tries = 0;
  /** Why this send is not to be stored, unless the store has it already. */
  #refusal: SendReceipt | undefined;
  /** Called in place of the refusal when it is certain that the send is not stored. */
  #onRefused: (() => void) | undefined;
  #onAnswered: (() => void) | undefined;
  #stored: Extract<AppendAnswer, { readonly outcome: 'ok' | 'duplicate' }> | undefined;
  /** Number of deliveries that are not handed over yet: to the recipient, and of the copy. */
  #toHand = 0;
  #online: Online = true;

  constructor(
    request: SendRequest,
    facts: ContentFacts,
    parts: SendParts,
    done: (receipt: SendReceipt) => void,
  ) {
    this.#request = request;
    this.#facts = facts;
    this.#parts = parts;
    this.#done = done;
    this.#recipient = ownerOf(request.to);
    this.#content = request.content;
  }

  /** Stores another content in place of the one that was sent. Call it before `append`. */
  replace(content: Uint8Array): void {
    this.#content = content;
  }

  append(): void {
    const { actor, to, producer, counter, again, rememberMs, content, operation } = this.#request;
    const { unread, event, ref } = this.#facts;
    // Starts to locate the recipient while the store appends.
    if (this.#recipient !== undefined) this.#parts.locations.expect(this.#recipient);
    sendStep('append', to);
    this.#appendBegun = performance.now();
    this.#parts.streams.append(
      {
        stream: to,
        sender: actor,
        producer,
        counter,
        again,
        rememberMs,
        // Of what was sent: a repeated send is known by it, also when moderation decides otherwise meanwhile.
        digest: hash('sha256', content, 'base64url').slice(0, 22),
        content: this.#content,
        sent: content,
        silent: !unread,
        about: event ? (ref as MessageId) : undefined,
        operation,
        endsProducer: this.#refusal !== undefined,
      },
      (answer) => this.#appended(answer),
    );
  }

  /**
   * It must not be stored. A send that may be a repeat may be stored already, or be under way on another connection: the store
   * says so, or stores it no more, so that the answer is final.
   */
  refuse(refusal: SendReceipt): void {
    this.#refusal = refusal;
    if (this.mayBeRepeat) this.append();
    else this.#refused();
  }

  /**
   * Ends the producer in the store, then holds the send. A send that is not a repeat ends it too: while this server asked about
   * it, its client may have sent it again to another server, and the sends behind it have other numbers by now.
   * Resolves when the send is answered. Rejects, without an answer, when it could not be held.
   * @param reason for the person who decides
   */
  hold(reason: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onAnswered = resolve;
      this.#onRefused = () =>
        void this.#parts.held
          .hold(this.#request, this.#content, reason, this.mayBeRepeat)
          .then((receipt) => this.answer(receipt), reject);
      this.#refusal = WAITS;
      const { counter, rememberMs } = this.#request;
      if (counter > 0 || rememberMs !== undefined) this.append();
      else this.#refused();
    });
  }

  /** Whether an earlier send may have been the same. */
  get mayBeRepeat(): boolean {
    const { counter, again, rememberMs } = this.#request;
    return counter > 0 ? again === true : rememberMs !== undefined;
  }

  handed({ user, online }: Delivery): void {
    if (user === this.#recipient) this.#online = online;
    if (--this.#toHand === 0) this.#answerStored();
  }

  answer(receipt: SendReceipt): void {
    const seconds = (performance.now() - this.#begun) / 1_000;
    this.#parts.observer.sendAnswered(this.#request.door, receipt.outcome, seconds);
    this.#done(receipt);
    this.#onAnswered?.();
  }

  #appended(answer: AppendAnswer): void {
    const { to } = this.#request;
    const { observer, failed } = this.#parts;
    observer.appended(kindOf(to), answer.outcome, (performance.now() - this.#appendBegun) / 1_000);
    if (answer.outcome === 'ok' || answer.outcome === 'duplicate') {
      this.#stored = answer;
      return this.#push();
    }
    if (answer.outcome === 'retry') {
      failed.due({ err: answer.cause });
      if (this.#triesAgain()) return;
    }
    if (answer.outcome === 'unknown-producer' && this.mayBeRepeat)
      return void this.#answerUnlessHeld(unstored(answer));
    if (answer.outcome === 'ended') {
      // Of a key, an earlier send may have ended it.
      const isCertain = this.#request.counter > 0 || this.#onRefused !== undefined;
      return isCertain ? this.#refused() : void this.#answerUnlessHeld(this.#refusal ?? unstored(answer));
    }
    const recipient = this.#recipient;
    if (answer.outcome !== 'share' || recipient === undefined) return this.answer(unstored(answer));
    this.#parts.locations.find(recipient, {
      located: (found) => {
        // A recipient who is online makes room by reading.
        if (found.length > 0) return this.answer(shareIsRead());
        const refusal = unstored(answer);
        if (this.#request.again === true) this.refuse(refusal);
        else this.answer(refusal);
      },
    });
  }

  #refused(): void {
    if (this.#onRefused !== undefined) this.#onRefused();
    else if (this.#refusal !== undefined) this.answer(this.#refusal);
  }

  /** Nothing more is stored under the producer: another server may have held the send meanwhile. */
  async #answerUnlessHeld(receipt: SendReceipt): Promise<void> {
    const told = await this.#parts.held.knows(this.#request).then(
      (isHeld) => (isHeld ? WAITS : receipt),
      (error: unknown) => {
        this.#parts.failed.due({ err: error });
        return retry('whether the message waits for a decision is not known; send it again');
      },
    );
    this.answer(told);
  }

  #push(): void {
    const { actor, to, producer, origin } = this.#request;
    const { delivery, rings, severalDevices } = this.#parts;
    const stored = this.#stored;
    if (stored === undefined) return;
    // The server that stored the message before may have died before its push. Without an entry the
    // im-servers read the log.
    const isNew = stored.outcome === 'ok';
    if (isNew) sendStep('stored', to);
    const entry = isNew ? this.#entryOf(stored, producer) : undefined;
    const recipient = this.#recipient;
    if (recipient === undefined) {
      sendStep('push', to);
      rings.ring(to, entry, stored.followers);
      return this.#answerStored();
    }
    // The receipt tells the sending session of the copy; a push tells the sender's other devices. After an
    // earlier send it is not known where the copy is, or whether it was ever pushed.
    const copy = isNew ? stored.copy : undefined;
    const hasOtherDevices = origin === undefined || severalDevices;
    const copyTravels = hasOtherDevices && recipient !== actor.userId && !(isNew && copy === undefined);
    this.#toHand = copyTravels ? 2 : 1;
    new Delivery(recipient, entry, undefined, delivery, this).begin();
    if (!copyTravels) return;
    const copied = copy && this.#entryOf(copy, copyProducer(producer, recipient));
    new Delivery(actor.userId, copied, origin, delivery, this).begin();
  }

  #entryOf({ seq, prev, storedAt, n, wire }: Stored, producer: ProducerId): Entry {
    const { actor: sender, counter } = this.#request;
    return { seq, prev, storedAt, n, wire, sender, producer, counter, content: this.#content };
  }

  #answerStored(): void {
    const stored = this.#stored;
    if (stored === undefined) return;
    sendStep('receipt', this.#request.to);
    const { seq } = stored;
    const online = this.#online;
    if (stored.outcome === 'duplicate')
      return this.answer({ outcome: 'stored', seq, online, n: 0, storedAt: 0 });
    const { n, storedAt, copy } = stored;
    const changed = this.#content !== this.#request.content && { content: this.#content };
    this.answer({ outcome: 'stored', seq, online, n, storedAt, copy, ...changed });
  }

  /**
   * Whether to try again. When the store fails over for a moment, the caller should not have to guess whether
   * its message is stored.
   */
  #triesAgain(): boolean {
    const delayMs = this.#request.insist === true ? AGAIN_AFTER_MS[this.#tries++] : undefined;
    if (delayMs === undefined) return false;
    setTimeout(() => this.append(), delayMs);
    return true;
  }
}
