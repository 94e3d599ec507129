/**
 * Sends scheduled messages when their time has come. Every im-server does this; a claim with a lease keeps
 * two im-servers from sending the same message.
 */
import { CODES } from '@cim/protocol';
import { type Logger, RareWarning } from '@cim/runtime';
import { type ClaimedMessage, type Refusal, SCHEDULE, type ScheduleCount, type Scheduled } from '@cim/store';
import { setTimeout as sleep } from 'node:timers/promises';
import { refused } from './send-problems.ts';
import type { Refused, SendReceipt, SendRequest } from './send-request.ts';
import type { SendService } from './send-service.ts';

/** Time between two looks for due messages [ms]. It is shorter when the next message is due sooner. */
const LOOK_MS = 1_000;
/** Shortest time between two looks [ms]. */
const LEAST_MS = 10;
/** Most messages that one im-server sends at once. */
const AT_ONCE = 64;
/** Time between two tries under one claim [ms]. */
const AGAIN_MS = 1_000;
/**
 * An im-server sends nothing under a claim older than this [ms]: another im-server may claim the message
 * soon.
 */
const TRIES_MS = SCHEDULE.leaseMs / 2;
/** Longest wait for a recipient who is online but does not read the sender's earlier messages [ms]. */
const SHARE_MS = 600_000;
/**
 * Tries end this long before the id of a message may be forgotten [ms], since the clocks of a Cluster differ.
 */
const MARGIN_MS = 3_600_000;

const UNCERTAIN = refused(
  'failure',
  'the servers were away for days while this message was being sent: whether it was sent is not known; look into the conversation, and send it again if it is not there',
);

const NOTHING: ScheduleCount = { waiting: 0, due: 0, lateMs: 0, ready: false, nextMs: undefined };

export interface ScheduledSendsParts {
  readonly scheduled: Pick<Scheduled, 'count' | 'claim' | 'sent' | 'refuse'>;
  readonly sends: Pick<SendService, 'send' | 'refuse'>;
  /** For how long the sender is still suspended [ms]; 0: it is not suspended. */
  readonly suspendedMs: (message: ClaimedMessage) => number;
  /** Called when a message will not be sent: once for each, unless the process dies meanwhile. */
  readonly onRefused: (message: ClaimedMessage, refusal: Refusal) => void;
  readonly logger: Logger;
}

/**
 * Claims due messages, sends each under its own id, and then removes it. If the process dies in between, the
 * next im-server that claims the message sends it again. The stream knows the id, so the message is stored
 * once.
 */
export class ScheduledSends {
  readonly #parts: ScheduledSendsParts;
  readonly #failed: RareWarning;
  /** Sends under way. Each is removed when it ends. */
  readonly #sending = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #count: ScheduleCount = NOTHING;
  #running: Promise<void> | undefined;

  constructor(parts: ScheduledSendsParts) {
    this.#parts = parts;
    this.#failed = new RareWarning(parts.logger, 'scheduled.failed');
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Claims nothing more and waits for running sends. A send that fails is left until its lease ends.
   * Idempotent.
   */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await Promise.all(this.#sending);
  }

  /** The count as the last look found it. */
  get count(): ScheduleCount {
    return this.#count;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const afterMs = await this.look();
      await sleep(afterMs, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => undefined);
    }
  }

  /** Looks for due messages and begins to send them. Never throws. @returns when to look again [ms] */
  async look(): Promise<number> {
    try {
      this.#count = await this.#parts.scheduled.count();
      const { ready, nextMs = LOOK_MS } = this.#count;
      const room = AT_ONCE - this.#sending.size;
      const asked = performance.now();
      const claimed = ready && room > 0 ? await this.#parts.scheduled.claim(room) : [];
      for (const message of claimed) this.#begin(message, asked + TRIES_MS);
      if (claimed.length > 0 && claimed.length === room) return LEAST_MS;
      return Math.min(LOOK_MS, Math.max(LEAST_MS, nextMs));
    } catch (error) {
      this.#failed.due({ err: error, why: 'messages that are due wait until the store answers' });
      return LOOK_MS;
    }
  }

  #begin(message: ClaimedMessage, until: number): void {
    const sending = this.#send(message, until)
      .catch((error: unknown) => this.#failed.due({ err: error, why: 'a message that is due is sent later' }))
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** @param until when this process gives the message up [ms, performance.now()] */
  async #send(message: ClaimedMessage, until: number): Promise<void> {
    const { scheduled } = this.#parts;
    const user = message.sender.userId;
    let problem = this.#refusal(message);
    /** True when the message may be stored already, or be under way. */
    let tried = message.triedMs !== undefined;
    while (problem === undefined) {
      // The claim lapses, and another im-server goes on.
      if (performance.now() > until) return;
      const receipt = await this.#receipt(message);
      if (receipt.outcome === 'stored') return scheduled.sent(user, message.id);
      problem = this.#final(message, receipt);
      if (problem !== undefined) break;
      tried = true;
      // A message that waits for its recipient to read gives its place to others.
      if (this.#stopped.signal.aborted || isShare(receipt)) return;
      await sleep(AGAIN_MS);
    }
    const receipt = tried ? await this.#refuse(message, problem) : problem;
    if (receipt.outcome === 'stored') return scheduled.sent(user, message.id);
    if (receipt.outcome !== 'refused') return;
    const { code, text } = receipt;
    if (await scheduled.refuse(user, message.id, { code, text }))
      this.#parts.onRefused(message, { code, text });
  }

  /** Why the message must not be sent at all; undefined when it may be. */
  #refusal(message: ClaimedMessage): Refused | undefined {
    const { triedMs } = message;
    if (triedMs !== undefined) return triedMs > SCHEDULE.sentMs - MARGIN_MS ? UNCERTAIN : undefined;
    // A message with an earlier try may be stored already: then it was sent before its sender was suspended.
    if (this.#parts.suspendedMs(message) === 0) return undefined;
    return refused('suspended', 'you were suspended when this message was to be sent');
  }

  /** The final refusal in a receipt; undefined when the message is to be sent again. */
  #final({ triedMs = 0 }: ClaimedMessage, receipt: SendReceipt): Refused | undefined {
    if (receipt.outcome === 'refused') return receipt;
    return isShare(receipt) && triedMs > SHARE_MS ? refused('inboxShare', receipt.text) : undefined;
  }

  #receipt(message: ClaimedMessage): Promise<SendReceipt> {
    return new Promise((resolve) => this.#parts.sends.send(requestOf(message), resolve));
  }

  /** Refuses the message unless the store has it. Afterwards the store takes no earlier try of it. */
  #refuse(message: ClaimedMessage, refusal: Refused): Promise<SendReceipt> {
    return new Promise((resolve) => this.#parts.sends.refuse(requestOf(message), refusal, resolve));
  }
}

const requestOf = ({ id, sender, to, content }: ClaimedMessage): SendRequest => ({
  ...{ door: 'scheduled', actor: sender, to, content, producer: id, counter: 0 },
  rememberMs: SCHEDULE.sentMs,
});

type Retry = Extract<SendReceipt, { readonly outcome: 'retry' }>;

const isShare = (receipt: SendReceipt): receipt is Retry =>
  receipt.outcome === 'retry' && receipt.code === CODES.inboxShare.code;
