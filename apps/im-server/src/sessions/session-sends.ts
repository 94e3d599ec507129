/** The sends of one session of our wire. Each is handed to the `SendService` and answered with a receipt. */
import type { SendReceipt, SendRequest } from '@cim/delivery';
import {
  CODES,
  cim,
  type CloseReason,
  copyProducer,
  encodeFrame,
  type GroupId,
  groupStream,
  inboxOf,
  isGroupId,
  isProducerId,
  isSeq,
  isUserId,
  type NamedUser,
  type ProducerId,
  storedFrame,
  type UserId,
} from '@cim/protocol';
import { userSubject } from '@cim/store';
import type { Waiter } from './send-budget.ts';
import { LIMITED_SENDS, SendLimits } from './send-limits.ts';
import type { SessionParts } from './session-parts.ts';
import type { Places } from '../subscriptions/places.ts';

/**
 * Most sends of one session that wait for the store. Above that its channel is not read until half of them
 * are answered.
 */
const SENDS_UNDER_WAY = 1_024;
/** Wait before a client may come again after it ignored its limits [ms]. */
const CLOSED_MS = 10_000;
const SEND_BYTES_UNDER_WAY = 256 * 1024;

/** The part of a session that its sends use. */
interface Sender extends NamedUser {
  /** The level of the client. */
  readonly level: number;
  readonly places: Pick<Places, 'timeline'>;
  /** Whether an entry came before the session followed its timeline. */
  missed: boolean;
  /** Writes frames that answer the client. */
  respond(frames: Uint8Array): void;
  pause(): void;
  /** Reads from the client again, unless something else holds the session up. */
  readOn(): void;
  /** Says goodbye and closes. @param afterMs the client should wait this long before it comes again [ms] */
  close(reason: CloseReason, afterMs?: number): void;
}

type StoredReceipt = Extract<SendReceipt, { readonly outcome: 'stored' }>;

export class SessionSends implements Waiter {
  readonly #sender: Sender;
  /** The user without the session. Logs of groups keep it with the message for longer than the session lives. */
  readonly #actor: NamedUser;
  readonly #parts: SessionParts;
  readonly #limits: SendLimits;
  #underWay = 0;
  #bytesUnderWay = 0;
  /** True while this session has too many sends under way and is not read. */
  #holdsUp = false;
  /** True while the budget of the server is spent and this session is not read. */
  #awaitsRelief = false;
  /** Producer of the newest valid send: nearly always that of the next one too. */
  #producer: ProducerId | undefined;

  constructor(sender: Sender, parts: SessionParts) {
    this.#sender = sender;
    this.#actor = { userId: sender.userId, userName: sender.userName };
    this.#parts = parts;
    this.#limits = new SendLimits(parts.limits);
  }

  /** False while the session must not be read because of its sends. `readOn` is called when that is over. */
  get takesMore(): boolean {
    return !this.#holdsUp;
  }

  send(send: cim.Send): void {
    const { to, counter, again, content } = send;
    const text = this.#problem(send);
    if (text !== undefined)
      return this.#answerAtDoor(send, { outcome: 'refused', code: CODES.invalid.code, text });
    if (!this.#parts.instance.serving)
      return this.#answerAtDoor(send, {
        outcome: 'retry',
        code: CODES.failure.code,
        text: 'the server cannot store messages just now',
      });

    const afterMs = this.#limits.take(
      to === 0 ? undefined : (to as UserId),
      content.length,
      this.#parts.wheel.time,
    );
    if (afterMs > 0) return this.#answerLimited(send, afterMs);

    this.#begin(content.length);
    // The content is a view of the socket's buffer, which the append keeps beyond this turn. Nobody writes to
    // that buffer again.
    const request: SendRequest = {
      door: 'tcp',
      actor: this.#actor,
      to: isUserId(to) ? inboxOf(to) : groupStream(send.group as GroupId),
      producer: this.#producer as ProducerId,
      counter,
      again,
      content,
      origin: this.#sender,
    };
    this.#parts.sends.send(request, (receipt) => {
      this.#underWay--;
      this.#bytesUnderWay -= content.length;
      if (this.#holdsUp) this.#goOn();
      this.#parts.budget.end(content.length);
      this.#answer(send, receipt);
    });
  }

  onRelief(): void {
    this.#awaitsRelief = false;
    this.#goOn();
  }

  /** Called when the channel has ended. */
  end(): void {
    this.#parts.budget.leave(this);
  }

  #problem({ to, group, producer, counter }: cim.Send): string | undefined {
    if (!isUserId(to) && (to !== 0 || !isGroupId(group)))
      return 'the recipient must be a user id, or a group id such as "17" or "lobby"';
    if (producer !== this.#producer && isProducerId(producer)) this.#producer = producer;
    if (producer !== this.#producer || !isSeq(counter) || counter === 0)
      return 'a send needs a producer of 16 to 64 characters and a counter from 1';
    return undefined;
  }

  /** Answers a limited send. A client that ignores its limits for long is closed. */
  #answerLimited(send: cim.Send, afterMs: number): void {
    const text = this.#limits.text(afterMs);
    this.#answerAtDoor(send, { outcome: 'retry', code: CODES.limited.code, text, afterMs });
    if (this.#limits.limited < LIMITED_SENDS) return;
    this.#sender.close('limited', Math.max(afterMs, CLOSED_MS));
    this.#parts.suspensions.suspend(
      userSubject(this.#sender.userId),
      'sends that do not wait as they are asked to',
    );
  }

  #answerAtDoor(send: cim.Send, receipt: SendReceipt): void {
    this.#parts.sends.answered('tcp', receipt);
    this.#answer(send, receipt);
  }

  #answer(send: cim.Send, receipt: SendReceipt): void {
    switch (receipt.outcome) {
      case 'stored':
        return this.#answerStored(send, receipt);
      case 'gap':
        return this.#receipt(send, { outcome: cim.Outcome.GAP, last: receipt.last });
      case 'unknown-producer':
        return this.#receipt(send, { outcome: cim.Outcome.UNKNOWN_PRODUCER });
      case 'refused':
        return this.#receipt(send, { ...receipt, outcome: cim.Outcome.REFUSED });
      case 'retry':
        return this.#receipt(send, { ...receipt, outcome: cim.Outcome.RETRY });
    }
  }

  #answerStored(send: cim.Send, { seq, n, copy, storedAt, content: changed }: StoredReceipt): void {
    const sender = this.#sender;
    const { timeline } = sender.places;
    let told = 0;
    if (copy !== undefined) {
      const producer = copyProducer(send.producer as ProducerId, send.to as UserId);
      const { counter, content: sent } = send;
      const { prev, wire } = copy;
      const entry = {
        seq: copy.seq,
        prev,
        storedAt: copy.storedAt,
        n: copy.n,
        wire,
        sender,
        producer,
        counter,
        content: changed ?? sent,
      };
      if (timeline === undefined) sender.missed = true;
      // A client of level 0 does not know that a receipt can deliver something. A receipt does not have the texts that
      // moderation has changed.
      else if (sender.level > 0 && changed === undefined && timeline.pass(entry)) told = copy.seq;
      else timeline.offer(entry);
    } else if (send.to !== 0 && storedAt === 0) timeline?.wake(); // An earlier send was stored: the position of its copy is not known.
    sender.respond(storedFrame(send, seq, told, n));
    // Called after the receipt is written: an entry sent before it would make the client miss the copy.
    if (told !== 0) timeline?.passed();
  }

  #receipt({ to, group, producer, counter }: cim.Send, answer: cim.Receipt.$Properties): void {
    const receipt = { to, group, producer, counter, ...answer };
    this.#sender.respond(encodeFrame(cim.Frame, { receipt }));
  }

  #begin(bytes: number): void {
    this.#underWay++;
    this.#bytesUnderWay += bytes;
    if (this.#parts.budget.begin(bytes, this)) this.#awaitsRelief = true;
    else if (this.#underWay < SENDS_UNDER_WAY && this.#bytesUnderWay < SEND_BYTES_UNDER_WAY) return;
    this.#holdsUp = true;
    this.#sender.pause();
  }

  #goOn(): void {
    if (this.#underWay > SENDS_UNDER_WAY / 2 || this.#bytesUnderWay > SEND_BYTES_UNDER_WAY / 2) return;
    if (this.#awaitsRelief) return;
    this.#holdsUp = false;
    this.#sender.readOn();
  }
}
