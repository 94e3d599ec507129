import { hash } from 'node:crypto';
import type { Observer, RareWarning } from '@cim/runtime';
import type { Append, AppendAnswer, Entry, Store } from '@cim/store';
import type { Delivery } from './delivery.ts';
import { unstored } from './send-problems.ts';
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
}

type StoredAnswer = Extract<AppendAnswer, { readonly outcome: 'ok' | 'duplicate' }>;

/** One send, until it is answered: append, push, receipt. */
export class Send implements Pusher {
  readonly #request: SendRequest;
  readonly #parts: SendParts;
  readonly #done: (receipt: SendReceipt) => void;
  readonly #begun = performance.now();
  #appendBegun = 0;
  #tries = 0;
  #stored: StoredAnswer | undefined;

  constructor(request: SendRequest, parts: SendParts, done: (receipt: SendReceipt) => void) {
    this.#request = request;
    this.#parts = parts;
    this.#done = done;
  }

  append(): void {
    const { actor, to, producer, counter, again, rememberMs, content } = this.#request;
    const { store, delivery } = this.#parts;
    if (to.kind === 'inbox') delivery.expect(to.user);
    sendStep('append', to);
    this.#appendBegun = performance.now();
    const item: Append = {
      ...{ stream: to, sender: actor, producer, counter, again, rememberMs, content },
      digest: hash('sha256', content, 'base64url').slice(0, 22),
    };
    store.streams.append(item, (answer) => this.#appended(answer));
  }

  /** The push was handed over. */
  handed({ online }: UserPush): void {
    if (this.#stored !== undefined) this.#answerStored(this.#stored, online);
  }

  answer(receipt: SendReceipt): void {
    const seconds = (performance.now() - this.#begun) / 1_000;
    this.#parts.observer.sendAnswered(this.#request.door, receipt.outcome, seconds);
    this.#done(receipt);
  }

  #appended(answer: AppendAnswer): void {
    const { actor: sender, to, producer, counter, content } = this.#request;
    const { observer } = this.#parts;
    observer.appended(to.kind, answer.outcome, (performance.now() - this.#appendBegun) / 1_000);
    switch (answer.outcome) {
      case 'ok': {
        sendStep('stored', to);
        const { seq, prev, storedAt, n, wire } = answer;
        return this.#push(answer, { seq, prev, storedAt, n, wire, sender, producer, counter, content });
      }
      case 'duplicate':
        // Whoever stored it may have died before the push: the im-servers look into the log.
        return this.#push(answer, undefined);
      case 'retry':
        this.#parts.failed.due({ err: answer.cause });
        if (this.#triesAgain()) return;
        return this.answer(unstored(answer));
      default:
        return this.answer(unstored(answer));
    }
  }

  #push(answer: StoredAnswer, entry: Entry | undefined): void {
    const { to } = this.#request;
    const { delivery } = this.#parts;
    this.#stored = answer;
    if (to.kind === 'inbox') return delivery.toUser(to.user, entry, this);
    sendStep('push', to);
    delivery.toGroup(to.group, entry, answer.followers);
    this.#answerStored(answer, true);
  }

  #answerStored(answer: StoredAnswer, online: Online): void {
    sendStep('receipt', this.#request.to);
    const { seq } = answer;
    if (answer.outcome === 'duplicate')
      return this.answer({ outcome: 'stored', seq, online, n: 0, storedAt: 0 });
    const { n, storedAt, copy } = answer;
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
