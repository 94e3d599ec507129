import { hash } from 'node:crypto';
import {
  CimError,
  contentFacts,
  type MessageId,
  messageId,
  type NamedUser,
  type ProducerId,
  type StreamRef,
} from '@cim/protocol';
import { randomText, type SendDoor } from '@cim/runtime';
import { Send, type SendParts } from './send.ts';
import { refused } from './send-problems.ts';
import type { SendReceipt, SendRequest } from './send-request.ts';

/** How long an idempotency key is remembered [ms]. */
const KEYED_MS = 3_600_000;
const KEY_CHARACTERS = 255;

/** A send by somebody who numbers nothing: it is named by the caller's idempotency key, or by a name made here. */
export interface KeyedSend {
  readonly door: SendDoor;
  readonly actor: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content; not checked yet. */
  readonly content: Uint8Array;
  readonly key?: string | undefined;
}

/**
 * Every send of the system, whichever door it came in by: checks it, stores it once, pushes it, and answers. Doors only
 * translate.
 */
export class SendService {
  readonly #parts: SendParts;

  constructor(parts: SendParts) {
    this.#parts = parts;
  }

  /**
   * `done` is called once, perhaps within this call. On `stored` the push was handed over already, or noted as failed, so
   * that a sender's server that dies after its receipt has left nothing undone.
   */
  send(request: SendRequest, done: (receipt: SendReceipt) => void): void {
    const send = new Send(request, this.#parts, done);
    const { problem } = contentFacts(request.content);
    if (problem === undefined) send.append();
    else send.answer(refused('invalid', problem));
  }

  /**
   * Answers the id of the message too, which counts once it is stored.
   * @param given.key 1 to 255 characters: the same key of the same sender to the same recipient stores one message in an hour
   * @throws {CimError} 3000: the key is empty or too long
   */
  sendKeyed({
    key,
    ...given
  }: KeyedSend): Promise<{ readonly receipt: SendReceipt; readonly id: MessageId }> {
    if (key !== undefined && (key.length === 0 || key.length > KEY_CHARACTERS))
      throw new CimError('invalid', `Idempotency-Key must have 1 to ${KEY_CHARACTERS} characters`);
    const producer = (key === undefined ? randomText(24) : hash('sha256', key, 'base64url')) as ProducerId;
    // Without a key only our own tries repeat a send.
    const rememberMs = key === undefined ? undefined : KEYED_MS;
    const id = messageId(given.actor.userId, producer, 0);
    return new Promise((resolve) =>
      this.send({ ...given, producer, counter: 0, rememberMs, insist: true }, (receipt) =>
        resolve({ receipt, id }),
      ),
    );
  }

  /** Counts a send that its door has answered by itself, because it could not make a request of it. */
  answered(door: SendDoor, receipt: SendReceipt): void {
    this.#parts.observer.sendAnswered(door, receipt.outcome, 0);
  }
}
