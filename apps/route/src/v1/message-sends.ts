/** Sends the messages of requests to `/v1/messages`: one of a request, or up to 100. */
import {
  CimError,
  CODES,
  type Code,
  type GroupId,
  groupStream,
  inboxOf,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Messaging } from '@cim/delivery';
import type { Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import type { ActorOf } from '../identity/identify.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import { contentShape, encodeContent } from './contents.ts';
import { STATUSES } from './problems.ts';
import { AcceptedShape, sendTime, whenShape } from './scheduled.ts';
import { groupIdText, timeText, userIdText } from './shapes.ts';

export const NewMessage = Type.Object(
  {
    to: Type.Object(
      {
        user: Type.Optional(userIdText('the recipient')),
        group: Type.Optional(groupIdText('the group')),
      },
      { description: 'a user or a group' },
    ),
    from: Type.Optional(
      userIdText('the sender, for an API key that acts for any user; in place of `X-CIM-From`'),
    ),
    key: Type.Optional(
      Type.String({ description: 'what `Idempotency-Key` is for a request with one message' }),
    ),
    ...contentShape,
    ...whenShape,
  },
  {
    examples: [
      { to: { user: '1002' }, texts: ['hello'] },
      { to: { group: 'lobby' }, type: 'json', body: { poll: 'lunch?' } },
    ],
  },
);
type NewMessage = Static<typeof NewMessage>;

export const StoredShape = Type.Object({
  id: Type.String({ description: 'of the message, the same for everybody' }),
  seq: Type.Integer({ description: "position in the recipient's timeline, or the group's log" }),
  storedAt: Type.Optional(timeText('absent for a repeated request whose message is kept no longer')),
  online: Type.Optional(
    Type.Boolean({ description: 'whether the recipient is connected; absent when that is not known' }),
  ),
});

/** What became of one message. */
type Sent =
  | { readonly status: 201; readonly body: Static<typeof StoredShape> }
  | { readonly status: 202; readonly body: Static<typeof AcceptedShape> };
interface Refused {
  readonly status: 'refused';
  readonly code: Code;
  readonly detail: string;
}

/** What became of one message of several, as the answer has it. */
export const ResultShape = Type.Object({
  status: Type.Integer({
    description: 'as of a request with this message alone: 201, 202, or that of a problem',
  }),
  code: Type.String({ description: '9000, or the code of the problem: see docs/errors.md' }),
  ...Type.Partial(StoredShape).properties,
  sendAt: Type.Optional(AcceptedShape.properties.sendAt),
  detail: Type.Optional(Type.String({ description: 'of a problem: what was wrong, and what to do' })),
  retryAfter: Type.Optional(
    Type.Integer({ description: 'of a problem: send the message again after so many seconds' }),
  ),
});
export type Result = Static<typeof ResultShape>;

export interface MessageSendsParts {
  readonly streams: Pick<Store['streams'], 'peek'>;
  readonly messaging: Pick<Messaging, 'sends' | 'scheduling'>;
  readonly limits: RequestLimits;
  /** Says what is wrong with the shape of a message; undefined: nothing. */
  readonly shapeProblem: (message: unknown) => string | undefined;
  readonly onUnexpected: (error: unknown) => void;
}

export class MessageSends {
  readonly #parts: MessageSendsParts;

  constructor(parts: MessageSendsParts) {
    this.#parts = parts;
  }

  /** Sends one message, now or later. @throws {CimError} the message is wrong, or a limit is exceeded */
  async send(actorOf: ActorOf, message: NewMessage): Promise<Sent | Refused> {
    const { to, sendAt, sendAfter, from, key, ...given } = message;
    const stream = streamOf(to);
    const content = encodeContent(given);
    const { userId, userName } = await actorOf(from);
    const actor = { userId, userName };
    await this.#parts.limits.send(userId, stream, content.length, key !== undefined);
    const { sends, scheduling } = this.#parts.messaging;
    const when = sendTime(sendAt, sendAfter);
    if (when !== undefined) {
      const accepted = await scheduling.add({ actor, to: stream, content, when, key });
      const body = { id: accepted.id, sendAt: new Date(accepted.sendAt).toISOString() };
      return { status: 202, body };
    }
    const { receipt, id } = await sends.sendKeyed({ door: 'v1', actor, to: stream, content, key });
    switch (receipt.outcome) {
      case 'stored': {
        const { seq, online } = receipt;
        const storedAt = receipt.storedAt || (await this.#storedAtOf(stream, seq));
        const body = {
          ...{ id, seq },
          ...(storedAt === undefined ? {} : { storedAt: new Date(storedAt).toISOString() }),
          ...(online === 'unknown' ? {} : { online }),
        };
        return { status: 201, body };
      }
      case 'refused':
      case 'retry':
        return { status: 'refused', code: receipt.code, detail: receipt.text };
      case 'gap':
      case 'unknown-producer':
        // Sends over HTTP have no counters, so this cannot happen.
        return { status: 'refused', code: CODES.failure.code, detail: CODES.failure.message };
    }
  }

  /**
   * Sends several messages, and answers a result for each. Messages to one recipient are stored in their order: when one
   * of them is to be sent again, those behind it are not tried.
   */
  async sendAll(actorOf: ActorOf, messages: readonly unknown[]): Promise<readonly Result[]> {
    const results: Result[] = [];
    /** Key: sender and recipient as the message names them. Value: places of its messages. */
    const lanes = new Map<string, number[]>();
    for (const [i, message] of messages.entries()) {
      const wrong = this.#parts.shapeProblem(message);
      if (wrong !== undefined) {
        results[i] = problemResult(STATUSES[CODES.invalid.code], CODES.invalid.code, wrong);
        continue;
      }
      const { from, to } = message as NewMessage;
      const name = JSON.stringify([from, to.user, to.group]);
      const lane = lanes.get(name);
      if (lane === undefined) lanes.set(name, [i]);
      else lane.push(i);
    }
    await Promise.all(
      [...lanes.values()].map(async (lane) => {
        let before: Result | undefined;
        for (const i of lane)
          before = results[i] =
            before !== undefined && (before.status === 429 || before.status === 503)
              ? { ...before, detail: BEHIND }
              : await this.#resultOf(actorOf, messages[i] as NewMessage);
      }),
    );
    return results;
  }

  async #resultOf(actorOf: ActorOf, message: NewMessage): Promise<Result> {
    try {
      const sent = await this.send(actorOf, message);
      if (sent.status === 'refused') return problemResult(STATUSES[sent.code], sent.code, sent.detail);
      return { status: sent.status, code: CODES.success.code, ...sent.body };
    } catch (error) {
      if (!(error instanceof CimError) || error.code === CODES.failure.code) this.#parts.onUnexpected(error);
      if (!(error instanceof CimError))
        return problemResult(STATUSES[CODES.failure.code], CODES.failure.code, CODES.failure.message);
      return problemResult(STATUSES[error.code], error.code, error.message, error.retryAfterMs);
    }
  }

  /** When the entry that a repeated request has met was stored; undefined when it is no longer kept. */
  async #storedAtOf(stream: StreamRef, seq: Seq): Promise<number | undefined> {
    const entry = await this.#parts.streams.peek(stream, seq);
    return entry?.seq === seq ? entry.storedAt : undefined;
  }
}

const BEHIND = 'not tried, since a message before it to the same recipient was not stored; send both again';

const problemResult = (status: number, code: Code, detail: string, retryAfterMs = 0): Result => ({
  ...{ status, code, detail },
  ...(status === 429 || status === 503 || retryAfterMs > 0
    ? { retryAfter: Math.max(1, Math.ceil(retryAfterMs / 1_000)) }
    : {}),
});

function streamOf({ user, group }: NewMessage['to']): StreamRef {
  if (user !== undefined && group === undefined) return inboxOf(Number(user) as UserId);
  if (group !== undefined && user === undefined) return groupStream(group as GroupId);
  throw new CimError('invalid', 'to must name a user or a group, one of them');
}
