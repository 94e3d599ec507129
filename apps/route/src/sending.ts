import type { SendReceipt } from '@cim/delivery';
import {
  cim,
  CimError,
  CODES,
  groupStream,
  inboxOf,
  LOBBY,
  ownerOf,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Account } from '@cim/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Answer, refusal, refuse, success, unavailable } from './envelope.ts';
import type { RequestLimits } from './limits/request-limits.ts';
import type { RouteParts } from './route-parts.ts';
import type { Texts } from './schemas.ts';

/** CIM's paths for sends: `/p2pRoute` and `/groupRoute`. */
export class Sending {
  readonly #parts: RouteParts;
  readonly #limits: RequestLimits;

  constructor(parts: RouteParts, limits: RequestLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  async toUser(
    request: FastifyRequest,
    reply: FastifyReply,
    sender: Account,
    receiver: number,
    texts: Texts,
  ): Promise<Answer> {
    const receipt = await this.#send(request, sender, inboxOf(receiver as UserId), texts);
    // If the store could not locate the recipient, it is not known whether the recipient is offline.
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
        // The recipient has too much to read. CIM's client would take a 200 for sent.
        if (receipt.code === CODES.limited.code || receipt.code === CODES.inboxShare.code)
          return unavailable(request, reply, receipt.code, receipt.text);
        return refuse(request, reply, receipt.code, receipt.text);
      case 'retry':
        return unavailable(request, reply, receipt.code, receipt.text);
      case 'gap':
      case 'unknown-producer':
        // Sends over HTTP have no counters, so this cannot happen.
        return unavailable(request, reply, CODES.failure.code, CODES.failure.message);
    }
  }

  async #send(request: FastifyRequest, sender: Account, to: StreamRef, given: Texts): Promise<SendReceipt> {
    const texts = [
      ...(given.msg === undefined || given.msg === null ? [] : [given.msg]),
      ...(given.batchMsg ?? []),
    ].map(wellFormed);
    const content = cim.Content.encode({ texts }).finish();
    const key = idempotencyKey(request);
    await this.#limits.send(sender.userId, to, content.length, key !== undefined);
    const { receipt } = await this.#parts.messaging.sends.sendKeyed({
      door: ownerOf(to) === undefined ? 'groupRoute' : 'p2pRoute',
      actor: { userId: sender.userId, userName: sender.userName },
      ...{ to, key, content },
    });
    return receipt;
  }
}

/** The idempotency key of a request. The service that takes it checks its length. */
export function idempotencyKey({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (Array.isArray(key)) throw new CimError('invalid', 'give one Idempotency-Key');
  return key;
}

/** JSON can carry half of a surrogate pair, UTF-8 cannot: nobody could read an entry with one. */
const wellFormed = (text: string): string => text.toWellFormed();
