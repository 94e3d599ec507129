import { CimError, CODES } from '@cim/protocol';
import type { Messaging } from '@cim/delivery';
import type { Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import { BATCH_MESSAGES, requestCheck } from '../request-check.ts';
import { idempotencyKey } from '../sending.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import type { Bearer } from './bearer.ts';
import { MessageSends, NewMessage, ResultShape, StoredShape } from './message-sends.ts';
import { problem, type Problem, shapeProblem } from './problems.ts';
import { AcceptedShape } from './scheduled.ts';
import { documented } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const Batch = Type.Object(
  { items: Type.Array(NewMessage, { minItems: 1, maxItems: BATCH_MESSAGES }) },
  {
    examples: [
      {
        items: [
          { to: { user: '1002' }, texts: ['your order is on its way'], key: 'order 66' },
          { to: { group: '17' }, texts: ['a parcel has left'] },
        ],
      },
    ],
  },
);
/** A request with several messages. Each message is checked by itself, so that a wrong one has its own answer. */
const AnyBatch = Type.Object({ items: Type.Array(Type.Unknown(), { minItems: 1 }) });
const BatchShape = Type.Object({
  items: Type.Array(ResultShape, { description: 'in the order of the request' }),
});

export function addMessages(
  v1: V1App,
  bearer: Bearer,
  { streams }: Pick<Store, 'streams'>,
  messaging: Pick<Messaging, 'sends' | 'scheduling'>,
  limits: RequestLimits,
): void {
  const schema = documented(
    { body: Type.Union([NewMessage, Batch]) },
    {
      tags: ['messages'],
      summary: 'Send a message, or up to 100',
      description:
        'A request that is repeated with the same `Idempotency-Key` within an hour stores the message once, ' +
        'and is answered like the first. With `sendAt` or `sendAfter` the message is sent later, also when its sender is away by then: ' +
        'the answer is 202, and `/v1/scheduled` lists and cancels it. With `items` the answer is 200, and has a result for each ' +
        'message: each is sent as if it were alone.',
      answers: { 200: BatchShape, 201: StoredShape, 202: AcceptedShape },
      problems: [404, 409, 429],
      keyed: true,
    },
  );
  const checkOf = (shape: Parameters<typeof requestCheck>[0]['schema']) =>
    requestCheck({ schema: shape, method: 'POST', url: '/v1/messages', httpPart: 'body' });
  const [checkOne, checkBatch] = [checkOf(NewMessage), checkOf(AnyBatch)];
  const sends = new MessageSends({
    ...{ streams, messaging, limits },
    shapeProblem: (message) => {
      const { error } = checkOne(message) as { readonly error?: Parameters<typeof shapeProblem>[0] };
      return error && shapeProblem(error);
    },
    onUnexpected: (error) => v1.log.warn({ err: error }, 'request.failed'),
  });
  v1.post(
    '/messages',
    {
      onRequest: bearer.actsForEach('send'),
      schema,
      validatorCompiler: (route) =>
        route.httpPart === 'body'
          ? (body: unknown) => (isBatch(body) ? checkBatch(body) : checkOne(body))
          : requestCheck(route),
    },
    async (
      request,
      reply,
    ): Promise<Static<typeof StoredShape | typeof AcceptedShape | typeof BatchShape> | Problem> => {
      const { body } = request;
      const key = idempotencyKey(request);
      const actorOf = bearer.actors(request);
      if ('items' in body) {
        if (key !== undefined)
          throw new CimError('invalid', 'give each of the items its own key, and no Idempotency-Key');
        if ('to' in body) throw new CimError('invalid', 'give one message, or several as items, not both');
        const items = await sends.sendAll(actorOf, body.items);
        for (const { code } of items)
          if (code === CODES.unknownAccount.code) limits.namedNobody(request.clientAddress);
        return { items: [...items] };
      }
      if (key !== undefined && body.key !== undefined)
        throw new CimError('invalid', 'give Idempotency-Key or key, one of them');
      const sent = await sends.send(actorOf, key === undefined ? body : { ...body, key });
      if (sent.status === 'refused') return problem(reply, sent.code, sent.detail);
      void reply.code(sent.status);
      return sent.body;
    },
  );
}

const isBatch = (body: unknown): boolean => typeof body === 'object' && body !== null && 'items' in body;
