import {
  CimError,
  CODES,
  type GroupId,
  type Seq,
  groupStream,
  inboxOf,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Messaging } from '@cim/delivery';
import type { Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import { idempotencyKey } from '../sending.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import type { Bearer } from './bearer.ts';
import { contentShape, encodeContent } from './contents.ts';
import { problem, type Problem } from './problems.ts';
import { AcceptedShape, sendTime, whenShape } from './scheduled.ts';
import { documented, groupIdText, timeText, userIdText } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const NewMessage = Type.Object(
  {
    to: Type.Object(
      {
        user: Type.Optional(userIdText('the recipient')),
        group: Type.Optional(groupIdText('the group')),
      },
      { description: 'a user or a group' },
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
const StoredShape = Type.Object({
  id: Type.String({ description: 'of the message, the same for everybody' }),
  seq: Type.Integer({ description: "position in the recipient's timeline, or the group's log" }),
  storedAt: Type.Optional(timeText('absent for a repeated request whose message is kept no longer')),
  online: Type.Optional(
    Type.Boolean({ description: 'whether the recipient is connected; absent when that is not known' }),
  ),
});

export function addMessages(
  v1: V1App,
  bearer: Bearer,
  { streams }: Pick<Store, 'streams'>,
  { sends, scheduling }: Pick<Messaging, 'sends' | 'scheduling'>,
  limits: RequestLimits,
): void {
  const schema = documented(
    { body: NewMessage },
    {
      tags: ['messages'],
      summary: 'Send a message',
      description:
        'A request that is repeated with the same `Idempotency-Key` within an hour stores the message once, ' +
        'and is answered like the first. With `sendAt` or `sendAfter` the message is sent later, also when its sender is away by then: ' +
        'the answer is 202, and `/v1/scheduled` lists and cancels it.',
      answers: { 201: StoredShape, 202: AcceptedShape },
      problems: [404, 409, 429],
      keyed: true,
    },
  );
  /** When the entry that a repeated request has met was stored; undefined when it is no longer kept. */
  const storedAtOf = async (stream: StreamRef, seq: Seq): Promise<number | undefined> => {
    const entry = await streams.peek(stream, seq);
    return entry?.seq === seq ? entry.storedAt : undefined;
  };
  v1.post(
    '/messages',
    { onRequest: bearer.acts('send'), schema },
    async (request, reply): Promise<Static<typeof StoredShape> | Static<typeof AcceptedShape> | Problem> => {
      const { to, sendAt, sendAfter, ...given } = request.body;
      const stream = streamOf(to);
      const content = encodeContent(given);
      const { userId, userName } = bearer.actor(request);
      const key = idempotencyKey(request);
      await limits.send(userId, stream, content.length, key !== undefined);
      const when = sendTime(sendAt, sendAfter);
      if (when !== undefined) {
        const actor = { userId, userName };
        const accepted = await scheduling.add({ actor, to: stream, content, when, key });
        void reply.code(202);
        return { id: accepted.id, sendAt: new Date(accepted.sendAt).toISOString() };
      }
      const { receipt, id } = await sends.sendKeyed({
        door: 'v1',
        actor: { userId, userName },
        ...{ to: stream, content, key },
      });
      switch (receipt.outcome) {
        case 'stored': {
          const { seq, online } = receipt;
          const storedAt = receipt.storedAt || (await storedAtOf(stream, seq));
          void reply.code(201);
          return {
            id,
            seq,
            ...(storedAt === undefined ? {} : { storedAt: new Date(storedAt).toISOString() }),
            ...(online === 'unknown' ? {} : { online }),
          };
        }
        case 'refused':
        case 'retry':
          return problem(reply, receipt.code, receipt.text);
        case 'gap':
        case 'unknown-producer':
          // Sends over HTTP have no counters, so this cannot happen.
          return problem(reply, CODES.failure.code, CODES.failure.message);
      }
    },
  );
}

function streamOf({ user, group }: Static<typeof NewMessage>['to']): StreamRef {
  if (user !== undefined && group === undefined) return inboxOf(Number(user) as UserId);
  if (group !== undefined && user === undefined) return groupStream(group as GroupId);
  throw new CimError('invalid', 'to must name a user or a group, one of them');
}
