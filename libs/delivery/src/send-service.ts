import { hash } from 'node:crypto';
import {
  CimError,
  type ContentFacts,
  contentFacts,
  groupOf,
  isGroupId,
  isUserId,
  type MessageId,
  messageId,
  type NamedUser,
  ownerOf,
  type ProducerId,
  type StreamRef,
} from '@cim/protocol';
import { randomText, type SendDoor } from '@cim/runtime';
import { type GroupOperation } from '@cim/store';
import type { EventRules } from './event-rules.ts';
import { WAITS } from './moderation/held-messages.ts';
import type { Moderation } from './moderation/moderation.ts';
import type { HookDecision } from './moderation/moderation-hook.ts';
import { Send, type SendParts } from './send.ts';
import { SendOrder } from './send-order.ts';
import { refused, retry } from './send-problems.ts';
import type { Refused, SendReceipt, SendRequest } from './send-request.ts';

/** An idempotency key is remembered for this long [ms]. */
const KEYED_MS = 3_600_000;
const KEY_CHARACTERS = 255;

/** A send without a counter. Its name comes from the caller's idempotency key, or is made here. */
export interface KeyedSend {
  readonly door: SendDoor;
  readonly actor: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content, not checked yet. */
  readonly content: Uint8Array;
  readonly key?: string | undefined;
  readonly operation?: GroupOperation | undefined;
}

/**
 * Takes every send of the system, whichever door it came in by: checks it, stores it once, pushes, counts and
 * answers it. Doors only translate.
 */
export class SendService {
  readonly #parts: SendParts;
  readonly #rules: EventRules;
  readonly #order = new SendOrder();
  readonly #moderation: Pick<Moderation, 'words' | 'hook'>;

  constructor(parts: SendParts, rules: EventRules, moderation: Pick<Moderation, 'words' | 'hook'>) {
    this.#parts = parts;
    this.#rules = rules;
    this.#moderation = moderation;
  }

  /**
   * Sends a message. `done` is called once, perhaps within this call. On `stored` the push was handed over
   * already or noted as failed. So if this server dies after the receipt, nothing is left undone.
   */
  send(request: SendRequest, done: (receipt: SendReceipt) => void): void {
    const facts = contentFacts(request.content);
    const send = new Send(request, facts, this.#parts, done);
    const refusal = refusalOf(request, facts);
    if (refusal !== undefined) return send.answer(refusal);
    const moderated = request.operation === undefined ? this.#moderate(request, send) : undefined;
    if (moderated === undefined && !facts.event && !this.#order.mustWait(request)) return send.append();
    this.#order.pass(request, () => {
      if (moderated?.refusal !== undefined) send.refuse(moderated.refusal);
      else if (facts.event || moderated !== undefined)
        void this.#check(request, facts, send, moderated?.asked);
      else send.append();
    });
  }

  /** Stores a message that an operator has allowed. Moderation is not asked again. */
  sendAllowed(request: SendRequest, done: (receipt: SendReceipt) => void): void {
    const facts = contentFacts(request.content);
    const send = new Send(request, facts, this.#parts, done);
    if (facts.event) void this.#check(request, facts, send, undefined);
    else send.append();
  }

  /** For a send that its caller refuses and that may be stored already, or under way elsewhere. The receipt is final. */
  refuse(request: SendRequest, refusal: Refused, done: (receipt: SendReceipt) => void): void {
    new Send(request, contentFacts(request.content), this.#parts, done).refuse(refusal);
  }

  /**
   * Sends a message without a counter. Also answers the id of the message, which is valid once it is stored.
   * @param given.key 1 to 255 characters: the same key of the same sender to the same recipient stores one
   * message in an hour
   * @throws {CimError} 3000: the key is empty or too long
   */
  sendKeyed({
    key,
    ...given
  }: KeyedSend): Promise<{ readonly receipt: SendReceipt; readonly id: MessageId }> {
    const producer = key === undefined ? (randomText(24) as ProducerId) : producerOfKey(key);
    // Without a key only this server repeats the send, so the store need not remember it.
    const rememberMs = key === undefined ? undefined : KEYED_MS;
    const id = messageId(given.actor.userId, producer, 0);
    return new Promise((resolve) =>
      this.send({ ...given, producer, counter: 0, rememberMs, insist: true }, (receipt) =>
        resolve({ receipt, id }),
      ),
    );
  }

  /** Counts a send that its door has answered itself, because it could not make a request of it. */
  answered(door: SendDoor, receipt: SendReceipt): void {
    this.#parts.observer.sendAnswered(door, receipt.outcome, 0);
  }

  /** Checks the words, and begins to ask the business system. Undefined: there is nothing to wait for. */
  #moderate(request: SendRequest, send: Send): Moderated | undefined {
    const { words, hook } = this.#moderation;
    const verdict = words?.check(request);
    if (verdict !== undefined) {
      if ('content' in verdict) send.replace(verdict.content);
      // An earlier send of the same may have been held, as only `#obey` finds out.
      else if (hook === undefined || !send.mayBeRepeat) return verdict;
      else return { asked: Promise.resolve({ action: 'refuse', reason: verdict.refusal.text }) };
    }
    if (hook?.concerns(request.to) !== true) return undefined;
    // Asked at once and not in its turn: sends that come together wait together.
    const asked = hook.ask(request, verdict?.content ?? request.content);
    return asked && { asked };
  }

  async #check(
    request: SendRequest,
    { event, type, ref }: ContentFacts,
    send: Send,
    asked: Promise<HookDecision> | undefined,
  ): Promise<void> {
    this.#order.begin(request);
    try {
      const refusal = event ? await this.#rules.refusal(request, type, ref as MessageId) : undefined;
      if (refusal !== undefined) send.refuse(refusal);
      else if (asked === undefined) send.append();
      else await this.#obey(request, await asked, send);
    } catch (error) {
      this.#parts.failed.due({ err: error });
      send.answer(
        retry(
          event
            ? 'the message that this one refers to could not be looked up; send it again'
            : 'the message could not be held; send it again',
        ),
      );
    } finally {
      this.#order.end(request);
    }
  }

  /** Does with a send what the business system has decided. Rejects, without an answer, when the store of held messages fails. */
  async #obey(request: SendRequest, decision: HookDecision, send: Send): Promise<void> {
    // A send that was held has one answer, whatever the business system says when it is repeated.
    if (send.mayBeRepeat && (await this.#parts.held.knows(request))) return send.answer(WAITS);
    switch (decision.action) {
      case 'replace':
        send.replace(decision.content);
        return send.append();
      case 'allow':
        return send.append();
      case 'refuse':
        return send.refuse(refused('moderated', decision.reason === '' ? undefined : decision.reason));
      case 'unchecked':
        return send.refuse(refused('unchecked'));
      case 'hold':
        // Sends behind it wait until it is held.
        return send.hold(decision.reason);
    }
  }
}

/** What moderation says at once: a refusal, or that a business system is asked. */
type Moderated =
  | { readonly refusal: Refused; readonly asked?: undefined }
  | { readonly asked: Promise<HookDecision>; readonly refusal?: undefined };

/** Why the request is refused without asking the store; undefined when it is not. */
export function refusalOf(
  { to, operation }: Pick<SendRequest, 'to' | 'operation'>,
  facts: ContentFacts,
): ReturnType<typeof refused> | undefined {
  const recipient = ownerOf(to);
  if (recipient === undefined) {
    if (!isGroupId(groupOf(to))) return refused('unknownGroup');
  } else if (!isUserId(recipient)) return refused('invalid', 'there is no such recipient');
  if (facts.problem !== undefined)
    return refused(facts.unknownType ? 'unknownType' : 'invalid', facts.problem);
  if (facts.author === 'servers' && operation === undefined)
    return refused('unknownType', `only servers write contents of type ${facts.type}`);
  return undefined;
}

/** The producer that stands for an idempotency key. @throws {CimError} 3000: the key is empty or too long */
export function producerOfKey(key: string): ProducerId {
  if (key.length === 0 || key.length > KEY_CHARACTERS)
    throw new CimError('invalid', `Idempotency-Key must have 1 to ${KEY_CHARACTERS} characters`);
  return hash('sha256', key, 'base64url') as ProducerId;
}
