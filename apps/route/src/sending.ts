import { hash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { SendReceipt, SendRequest } from '@cim/delivery';
import {
  CimError,
  CODES,
  cim,
  groupStream,
  inboxOf,
  LOBBY,
  type ProducerId,
  type StreamRef,
  textsProblem,
  type UserId,
} from '@cim/protocol';
import { randomText } from '@cim/runtime';
import type { Account } from '@cim/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Answer, refusal, refuse, success, unavailable } from './envelope.ts';
import type { RouteParts } from './route-parts.ts';
import type { Texts } from './schemas.ts';

const KEYED_MS = 3_600_000;
/** A store that fails over for a moment is no reason to make the caller guess whether its message is stored. */
const AGAIN_AFTER_MS = [100, 400] as const;

/** A send by somebody without a channel: its id is the caller's `Idempotency-Key`, or one made here. */
export class Sending {
  readonly #parts: RouteParts;

  constructor(parts: RouteParts) {
    this.#parts = parts;
  }

  async toUser(
    request: FastifyRequest,
    reply: FastifyReply,
    sender: Account,
    receiver: number,
    texts: Texts,
  ): Promise<Answer> {
    const receipt = await this.#send(request, sender, inboxOf(receiver as UserId), texts);
    // Of a recipient whom the store could not locate nobody knows whether they are offline.
    if (receipt.outcome === 'stored' && receipt.online === false)
      return refusal(request, CODES.offline.code, CODES.offline.message);
    return this.#answer(request, reply, receipt);
  }

  async toGroup(
    request: FastifyRequest,
    reply: FastifyReply,
    sender: Account,
    texts: Texts,
  ): Promise<Answer> {
    return this.#answer(request, reply, await this.#send(request, sender, groupStream(LOBBY), texts));
  }

  #answer(request: FastifyRequest, reply: FastifyReply, receipt: SendReceipt): Answer {
    switch (receipt.outcome) {
      case 'stored':
        return success(request);
      case 'refused':
        // The recipient's inbox is full. CIM's client takes a 200 for sent, and it is not.
        if (receipt.code === CODES.limited.code)
          return unavailable(request, reply, receipt.code, receipt.text);
        return refuse(request, reply, receipt.code, receipt.text);
      case 'retry':
        return unavailable(request, reply, receipt.code, receipt.text);
      case 'gap':
      case 'unknown-producer':
        // Counters are not used over HTTP.
        return unavailable(request, reply, CODES.failure.code, CODES.failure.message);
    }
  }

  async #send(
    request: FastifyRequest,
    sender: Account,
    stream: StreamRef,
    given: Texts,
  ): Promise<SendReceipt> {
    const texts = [
      ...(given.msg === undefined || given.msg === null ? [] : [given.msg]),
      ...(given.batchMsg ?? []),
    ].map(wellFormed);
    const problem = textsProblem(texts);
    if (problem !== undefined) throw new CimError('invalid', problem);
    const key = request.headers['idempotency-key'];
    if (key !== undefined && (typeof key !== 'string' || key.length === 0 || key.length > 255))
      throw new CimError('invalid', 'Idempotency-Key must have 1 to 255 characters');
    const producer = (key === undefined ? randomText(24) : hash('sha256', key, 'base64url')) as ProducerId;
    const content = cim.Content.encode({ texts }).finish();
    // Without a key only our own retries repeat a send.
    const rememberMs = key === undefined ? undefined : KEYED_MS;
    const from = { userId: sender.userId, userName: sender.userName };
    const send = { sender: from, stream, producer, counter: 0, rememberMs, content };
    const begun = performance.now();
    const receipt = await this.#dispatch(send);
    const door = stream.kind === 'inbox' ? 'p2pRoute' : 'groupRoute';
    this.#parts.observer.sendAnswered(door, receipt.outcome, (performance.now() - begun) / 1_000);
    return receipt;
  }

  /** The producer names the send, so that a repeated one is stored once. */
  async #dispatch(send: SendRequest): Promise<SendReceipt> {
    const once = (): Promise<SendReceipt> =>
      new Promise((resolve) => this.#parts.dispatcher.send(send, resolve));
    let receipt = await once();
    for (const delayMs of AGAIN_AFTER_MS) {
      if (receipt.outcome !== 'retry') break;
      await setTimeout(delayMs);
      receipt = await once();
    }
    return receipt;
  }
}

/** JSON can carry half a surrogate pair, UTF-8 cannot: an entry with one could be read by nobody. */
const wellFormed = (text: string): string => text.toWellFormed();
