import { CimError, CODES } from '@cim/protocol';
import type { Outgoing, Recipient } from './events.ts';
import { isRecord } from './http-caller.ts';
import { encodeOutgoing } from './outgoing.ts';
import { recipientProblem, wellFormed } from './recipient.ts';
import type { V1Api } from './v1-api.ts';
import { bodyOf, bodyToSend, timeOf, userIdOf } from './v1-shapes.ts';

/** When a message is to be sent, at most 30 days ahead. */
export type SendTime =
  /** A time by the server's clock; a number is ms since 1970. */
  | { readonly sendAt: Date | number }
  /** In so many seconds: the clock of this machine may be wrong. */
  | { readonly sendAfter: number };

/** A message that is to be sent later, or was refused when its time had come. */
export interface ScheduledMessage {
  /** Id, for `client.scheduled.cancel`. */
  readonly id: string;
  /** The recipient. */
  readonly to: Recipient;
  /** Name of that user or group. */
  readonly name: string;
  /** Its texts. */
  readonly texts: readonly string[];
  /** Its type; '' for plain text. */
  readonly type: string;
  /** Body of a type that is not text. */
  readonly body?: Uint8Array;
  /** When it is to be sent [ms since 1970, the server's clock]. */
  readonly sendAt: number;
  /**
   * `sending`: its time has come, and it can no longer be cancelled. `refused`: it was not sent, and stays
   * listed for 7 days.
   */
  readonly state: 'waiting' | 'sending' | 'refused';
  /** Why it was not sent. */
  readonly problem?: { readonly code: string; readonly text: string };
}

/**
 * Messages that are to be sent later. The servers hold and send them, also when this client is away. Each
 * call is a request to the route, and rejects with a `CimError`.
 */
export class ScheduledCalls {
  readonly #v1: V1Api;

  constructor(v1: V1Api) {
    this.#v1 = v1;
  }

  /**
   * Schedules a message, which is on disk when this resolves. Rejects with 9506 when there are too many, and
   * with 9507 when the time is not within the next 30 days. One call schedules one message, also when an
   * answer is lost: the request is repeated under one `Idempotency-Key`.
   * @param key calls with the same key within an hour schedule one message: for a caller that may have to
   * repeat the call
   */
  async send(
    to: Recipient,
    what: string | readonly string[] | Outgoing,
    when: SendTime,
    key?: string,
  ): Promise<{ readonly id: string; readonly sendAt: number }> {
    const problem = recipientProblem(to);
    if (problem !== undefined) throw new CimError('invalid', problem);
    const encoded = encodeOutgoing(what);
    if ('problem' in encoded)
      throw new CimError(
        encoded.code === CODES.unknownType.code ? 'unknownType' : 'invalid',
        encoded.problem,
      );
    const { type, texts } = encoded;
    const { body } = typeof what === 'object' && 'body' in what ? what : {};
    const answer = await this.#v1.create(
      '/messages',
      {
        to: 'user' in to ? { user: String(to.user) } : { group: to.group },
        ...(type !== '' && { type }),
        ...(texts.length > 0 && { texts: texts.map(wellFormed) }),
        ...(body !== undefined && { body: bodyToSend(type, body) }),
        ...timeToSend(when),
      },
      key,
    );
    return this.#v1.oneOf(answer, acceptedOf);
  }

  /** Lists scheduled messages, the next one first, and refused ones. */
  async list(): Promise<readonly ScheduledMessage[]> {
    return this.#v1.listOf(await this.#v1.get('/scheduled'), scheduledOf);
  }

  /**
   * Cancels a message; a refused one is no longer listed. Rejects with 9508 when it is being sent, and with
   * 9401 when it was sent or does not exist.
   */
  async cancel(id: string): Promise<void> {
    await this.#v1.call('DELETE', `/scheduled/${encodeURIComponent(id)}`);
  }
}

function timeToSend(when: SendTime): object {
  if ('sendAfter' in when) return { sendAfter: Math.ceil(when.sendAfter) };
  const at = new Date(when.sendAt);
  if (Number.isNaN(at.getTime()))
    throw new CimError('invalid', 'sendAt is no time; give a Date, or ms since 1970');
  return { sendAt: at.toISOString() };
}

function acceptedOf(raw: unknown): { readonly id: string; readonly sendAt: number } | undefined {
  if (!isRecord(raw) || typeof raw['id'] !== 'string') return undefined;
  const sendAt = timeOf(raw['sendAt']);
  return sendAt === undefined ? undefined : { id: raw['id'], sendAt };
}

function scheduledOf(raw: unknown): ScheduledMessage | undefined {
  const accepted = acceptedOf(raw);
  if (accepted === undefined || !isRecord(raw) || !isRecord(raw['to'])) return undefined;
  const { type, texts, body, state, problem } = raw;
  const { user, group } = raw['to'];
  const party = isRecord(user) ? user : group;
  if (!isRecord(party) || typeof party['id'] !== 'string' || typeof party['name'] !== 'string')
    return undefined;
  const userId = userIdOf(party['id']);
  const typeName = typeof type === 'string' ? type : '';
  return {
    ...accepted,
    to: party === user && userId !== undefined ? { user: userId } : { group: party['id'] },
    name: party['name'],
    texts: Array.isArray(texts) ? texts.filter((text) => typeof text === 'string') : [],
    type: typeName,
    ...(body !== undefined && { body: bodyOf(typeName, body) }),
    state: state === 'sending' || state === 'refused' ? state : 'waiting',
    ...(isRecord(problem) && { problem: { code: String(problem['code']), text: String(problem['detail']) } }),
  };
}
