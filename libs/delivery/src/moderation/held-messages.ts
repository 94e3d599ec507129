/** Messages that wait for a decision: holds them, carries decisions out, and tells senders. */
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageId, type MessageId, type ProducerId, streamName } from '@cim/protocol';
import { type Logger, RareWarning } from '@cim/runtime';
import { HELD, type Held, type HeldMessage, type HeldVerdict } from '@cim/store';
import { refused } from '../send-problems.ts';
import type { Refused, SendReceipt, SendRequest } from '../send-request.ts';

/** Time between two looks for messages that are allowed and not stored yet [ms]. */
const LOOK_MS = 5_000;
const AT_ONCE = 64;

/** What the sender of a held message is told. */
export const WAITS: Refused = refused(
  'held',
  'the message waits for a decision; it is stored when it is allowed, so do not send it again',
);

/** The id of a message that is held, and stored when it is allowed. */
export const heldMessageId = ({ id, sender }: Pick<HeldMessage, 'id' | 'sender'>): MessageId =>
  messageId(sender.userId, id, 0);

export interface HeldMessagesParts {
  readonly held: Held;
  /** CIM_HELD_MOST. */
  readonly most: number;
  /** Stores a message without asking moderation. */
  readonly store: (request: SendRequest, done: (receipt: SendReceipt) => void) => void;
  /** Called when a held message will not be stored: once, unless the process dies meanwhile. */
  readonly onRefused: (message: HeldMessage, refusal: Refused) => void;
  readonly logger: Logger;
}

/**
 * The decision is stored before the message is. If the process dies in between, the next look of any im-server stores the
 * message. It has one id, so two servers that store it store it once.
 */
export class HeldMessages {
  readonly #parts: HeldMessagesParts;
  readonly #failed: RareWarning;
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #waiting = 0;

  constructor(parts: HeldMessagesParts) {
    this.#parts = parts;
    this.#failed = new RareWarning(parts.logger, 'held.failed');
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Waits for messages that are being stored. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** How many messages wait, as the last look found them. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether the send was held before, whatever became of it. Rejects when the store does not answer. */
  knows(request: SendRequest): Promise<boolean> {
    return this.#parts.held.knows(heldIdOf(request));
  }

  /**
   * Holds a send. Rejects when the store does not answer; the send may then be held.
   * @param content what is stored when it is allowed
   * @param mayBeRepeat whether an earlier send may have been the same
   */
  async hold(
    request: SendRequest,
    content: Uint8Array,
    reason: string,
    mayBeRepeat: boolean,
  ): Promise<SendReceipt> {
    const { held, most, logger } = this.#parts;
    const { actor, to } = request;
    const id = heldIdOf(request);
    const answer = await held.add({ id, sender: actor, to, content, reason }, most);
    // Its client has used the number of a held message for another one with the same texts, and is told to take another.
    if (answer === 'known' && !mayBeRepeat) return { outcome: 'unknown-producer' };
    if (answer === 'full') {
      this.#failed.due({ userId: actor.userId, why: 'too many messages wait for a decision' });
      return refused('tooManyHeld');
    }
    if (answer === 'ok') logger.info({ userId: actor.userId, to, held: id }, 'held.waits');
    return WAITS;
  }

  list(limit: number): ReturnType<Held['list']> {
    return this.#parts.held.list(limit);
  }

  /**
   * Decides about a message. An allowed one is stored at once where possible, else a moment later by an im-server.
   * @param reason for the sender of a refused message; '' for the usual text
   * @returns undefined: no message with this id waits
   */
  async decide(
    id: ProducerId,
    verdict: HeldVerdict,
    reason = '',
  ): Promise<{ readonly message: HeldMessage; readonly receipt: SendReceipt | undefined } | undefined> {
    const { held, onRefused, logger } = this.#parts;
    const message = await held.decide(id, verdict);
    if (message === undefined) return undefined;
    logger.info({ userId: message.sender.userId, held: id, verdict }, 'held.decided');
    if (verdict === 'allow') return { message, receipt: await this.#store(message) };
    onRefused(message, refused('moderated', reason === '' ? undefined : reason));
    return { message, receipt: undefined };
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.look();
      await sleep(LOOK_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => undefined);
    }
  }

  /** Stores messages that are allowed, and counts those that wait. Never throws. */
  async look(): Promise<void> {
    try {
      const allowed = await this.#parts.held.allowed(AT_ONCE);
      await Promise.all(allowed.map((message) => this.#store(message)));
      this.#waiting = (await this.#parts.held.list(1)).waiting;
    } catch (error) {
      this.#failed.due({ err: error, why: 'messages that are allowed wait until the store answers' });
    }
  }

  async #store(message: HeldMessage): Promise<SendReceipt> {
    const { id, sender, to, content } = message;
    const request: SendRequest = {
      ...{ door: 'held', actor: sender, to, content, producer: id, counter: 0 },
      ...{ rememberMs: HELD.pastMs, insist: true },
    };
    const receipt = await new Promise<SendReceipt>((resolve) => this.#parts.store(request, resolve));
    // Tried again by the next look.
    if (receipt.outcome !== 'stored' && receipt.outcome !== 'refused') return receipt;
    try {
      // Several servers may have tried at once: one of them tells the sender.
      const isSettled = await this.#parts.held.settle(id);
      if (isSettled && receipt.outcome === 'refused') this.#parts.onRefused(message, receipt);
    } catch (error) {
      this.#failed.due({ err: error, why: 'the next look finds again what has become of the message' });
    }
    return receipt;
  }
}

/** Of the content too: a client may use the number of a refused send for another message. */
const heldIdOf = ({ actor, to, producer, counter, content }: SendRequest): ProducerId =>
  hash(
    'sha256',
    Buffer.concat([Buffer.from(`${actor.userId} ${streamName(to)} ${producer} ${counter} `), content]),
    'base64url',
  ) as ProducerId;
