import { hash } from 'node:crypto';
import { type ContentFacts, copyProducer, type MessageId, type ProducerId, type UserId } from '@cim/protocol';
import type { Observer, RareWarning } from '@cim/runtime';
import type { Append, AppendAnswer, Entry, Store, Stored } from '@cim/store';
import type { Delivery } from './delivery.ts';
import { shareIsRead, unstored } from './send-problems.ts';
import type { SendReceipt, SendRequest } from './send-request.ts';
import { sendStep } from './send-steps.ts';
import type { Online, Pusher, UserPush } from './user-push.ts';

/** When a send that the store did not answer is tried again, if its caller cannot repeat it [ms]. */
const AGAIN_AFTER_MS = [100, 400] as const;

/** What all sends share. */
export interface SendParts {
  readonly store: Store;
  readonly delivery: Delivery;
  readonly observer: Pick<Observer, 'sendAnswered' | 'appended'>;
  /** Appends that failed. */
  readonly failed: RareWarning;
  /** A user may have several devices at once. Else the session that sends is the only one, and knows of the copy. */
  readonly severalDevices: boolean;
}

type StoredAnswer = Extract<AppendAnswer, { readonly outcome: 'ok' | 'duplicate' }>;

/** One send that may be stored, until it is answered: append, push, receipt. */
export class Send implements Pusher {
  readonly #request: SendRequest;
  readonly #facts: ContentFacts;
  readonly #parts: SendParts;
  readonly #done: (receipt: SendReceipt) => void;
  readonly #begun = performance.now();
  #appendBegun = 0;
  #tries = 0;
  #stored: StoredAnswer | undefined;
  /** Pushes that are not handed over yet: to the recipient, and of the copy. */
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
  }

  append(): void {
    const { actor, to, producer, counter, again, rememberMs, content, operation } = this.#request;
    const { unread, event, ref } = this.#facts;
    const { store, delivery } = this.#parts;
    if (to.kind === 'inbox') delivery.expect(to.user);
    sendStep('append', to);
    this.#appendBegun = performance.now();
    const item: Append = {
      ...{ stream: to, sender: actor, producer, counter, again, rememberMs, content },
      ...{ silent: !unread, about: event ? (ref as MessageId) : undefined, operation },
      digest: hash('sha256', content, 'base64url').slice(0, 22),
    };
    store.streams.append(item, (answer) => this.#appended(answer));
  }

  handed({ user, online }: UserPush): void {
    const { to } = this.#request;
    if (to.kind === 'inbox' && to.user === user) this.#online = online;
    if (--this.#toHand === 0) this.#answerStored();
  }

  answer(receipt: SendReceipt): void {
    const seconds = (performance.now() - this.#begun) / 1_000;
    this.#parts.observer.sendAnswered(this.#request.door, receipt.outcome, seconds);
    this.#done(receipt);
  }

  #appended(answer: AppendAnswer): void {
    const { to, producer } = this.#request;
    const { observer } = this.#parts;
    observer.appended(to.kind, answer.outcome, (performance.now() - this.#appendBegun) / 1_000);
    switch (answer.outcome) {
      case 'ok':
        sendStep('stored', to);
        return this.#push(answer, this.#entryOf(answer, producer));
      case 'duplicate':
        // Whoever stored it may have died before the push: the im-servers look into the log.
        return this.#push(answer, undefined);
      case 'retry':
        this.#parts.failed.due({ err: answer.cause });
        if (this.#triesAgain()) return;
        return this.answer(unstored(answer));
      case 'share':
        if (to.kind === 'group') return this.answer(unstored(answer));
        // A recipient who reads makes room soon.
        return this.#parts.delivery.find(to.user, {
          located: (found) => this.answer(found.length === 0 ? unstored(answer) : shareIsRead()),
        });
      default:
        return this.answer(unstored(answer));
    }
  }

  #push(answer: StoredAnswer, entry: Entry | undefined): void {
    const { to } = this.#request;
    this.#stored = answer;
    if (to.kind === 'group') {
      sendStep('push', to);
      this.#parts.delivery.toGroup(to.group, entry, answer.followers);
      return this.#answerStored();
    }
    const hasCopy = this.#copyTravels(to.user, answer);
    this.#toHand = hasCopy ? 2 : 1;
    this.#parts.delivery.toUser(to.user, entry, this);
    if (hasCopy) this.#pushCopy(to.user, answer);
  }

  /** Whether the sender may have a device that must be told of the copy: the receipt tells the one that sent it. */
  #copyTravels(recipient: UserId, answer: StoredAnswer): boolean {
    const { actor, origin } = this.#request;
    if (recipient === actor.userId || (origin !== undefined && !this.#parts.severalDevices)) return false;
    // Of a send that was stored before it is not known where the copy is, or whether it was ever pushed.
    return answer.outcome === 'duplicate' || answer.copy !== undefined;
  }

  #pushCopy(recipient: UserId, answer: StoredAnswer): void {
    const { actor, producer, origin } = this.#request;
    const copy = answer.outcome === 'ok' ? answer.copy : undefined;
    const entry = copy === undefined ? undefined : this.#entryOf(copy, copyProducer(producer, recipient));
    this.#parts.delivery.toUser(actor.userId, entry, this, origin);
  }

  #entryOf({ seq, prev, storedAt, n, wire }: Stored, producer: ProducerId): Entry {
    const { actor: sender, counter, content } = this.#request;
    return { seq, prev, storedAt, n, wire, sender, producer, counter, content };
  }

  #answerStored(): void {
    if (this.#stored === undefined) return;
    sendStep('receipt', this.#request.to);
    const { seq } = this.#stored;
    const online = this.#online;
    if (this.#stored.outcome === 'duplicate')
      return this.answer({ outcome: 'stored', seq, online, n: 0, storedAt: 0 });
    const { n, storedAt, copy } = this.#stored;
    this.answer({ outcome: 'stored', seq, online, n, storedAt, copy });
  }

  /** A store that fails over for a moment is no reason to make the caller guess whether its message is stored. */
  #triesAgain(): boolean {
    const delayMs = this.#request.insist === true ? AGAIN_AFTER_MS[this.#tries++] : undefined;
    if (delayMs === undefined) return false;
    setTimeout(() => this.append(), delayMs);
    return true;
  }
}
