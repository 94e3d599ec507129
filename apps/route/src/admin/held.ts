/** `/admin/held`: lists the messages that wait for a decision, and lets an operator decide. */
import { CimError, type ProducerId } from '@cim/protocol';
import { heldMessageId, type SendReceipt } from '@cim/delivery';
import { type HeldMessage, type HeldVerdict, toldMessage } from '@cim/store';
import { Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, CHECKED_BY_HAND } from './admin-shapes.ts';

const LISTED = 100;
const REASON_CHARACTERS = 200;
const ID = /^[A-Za-z0-9_-]{16,64}$/;

const HeldShape = Type.Object(
  {
    held: Type.String({ description: 'what to decide about' }),
    id: Type.String({ description: 'of the message, once it is stored' }),
    from: Type.Object({ id: Type.String(), name: Type.String() }),
    to: Type.Object({ user: Type.Optional(Type.String()), group: Type.Optional(Type.String()) }),
    type: Type.Optional(Type.String()),
    texts: Type.Optional(Type.Array(Type.String())),
    body: Type.Optional(Type.Unknown({ description: 'JSON, or the bytes in base64' })),
    ref: Type.Optional(Type.String({ description: 'the message that it is about' })),
    reason: Type.Optional(Type.String({ description: 'why it waits' })),
    heldAt: timeText('since when it waits'),
  },
  {
    examples: [
      {
        ...{ held: 'q3Zb0nT1bq8s7Qp2', id: '1001:q3Zb0nT1bq8s7Qp2:0', from: { id: '1001', name: 'alice' } },
        ...{
          to: { group: '17' },
          texts: ['look at this'],
          reason: 'a link',
          heldAt: '2026-11-28T12:00:00.000Z',
        },
      },
    ],
  },
);
const List = Type.Object({
  items: Type.Array(HeldShape, { description: `the oldest first, ${LISTED} at most` }),
  waiting: Type.Integer({ description: 'how many wait in all' }),
});
const DecidedShape = Type.Object({
  held: Type.String(),
  id: Type.String({ description: 'of the message' }),
  outcome: oneOf(
    ['stored', 'later', 'refused'],
    '`later`: the store did not answer, and the servers store it as soon as it does. `refused`: by the operator, or by its recipient when it was allowed',
  ),
  why: Type.Optional(Type.String({ description: 'of refused' })),
});
const Why = Type.Object({
  reason: Type.Optional(Type.String({ maxLength: REASON_CHARACTERS, description: 'for the sender' })),
});
const params = Type.Object({ held: Type.String({ description: 'as the list names it' }) });
const tags = ['held'];

export function addHeld(app: V1App, { parts, audited }: AdminParts): void {
  const { held } = parts.messaging;

  const list = adminOperation(
    {},
    { tags, summary: 'List the messages that wait for a decision', answers: { 200: List } },
  );
  app.get('/held', { schema: list }, (request) =>
    audited(request, 'held.list', 'all', async () => {
      const { items, waiting } = await held.list(LISTED);
      return { items: items.map(shown), waiting };
    }),
  );

  const decide = async (id: string, verdict: HeldVerdict, reason?: string) => {
    const decided = ID.test(id) ? await held.decide(id as ProducerId, verdict, reason) : undefined;
    if (decided === undefined) throw new CimError('unknownHeld');
    const { message, receipt } = decided;
    return { held: id, id: heldMessageId(message), ...outcomeOf(receipt, reason) };
  };

  const allow = adminOperation(
    { params },
    {
      tags,
      summary: 'Allow a message: it is stored now',
      description: 'The members of the conversation see it as a message of its sender of this moment.',
      answers: { 200: DecidedShape },
      problems: [404],
    },
  );
  app.post('/held/:held/allow', { schema: allow, ...CHECKED_BY_HAND }, (request) =>
    audited(request, 'held.allow', request.params.held, () => decide(request.params.held, 'allow')),
  );

  const refuse = adminOperation(
    { params, body: Why },
    {
      tags,
      summary: 'Refuse a message: it is never stored',
      description: 'Its sender is told, when it is connected.',
      answers: { 200: DecidedShape },
      problems: [404],
    },
  );
  app.post('/held/:held/refuse', { schema: refuse, ...CHECKED_BY_HAND }, (request) =>
    audited(request, 'held.refuse', request.params.held, () =>
      decide(request.params.held, 'refuse', reasonIn(request.body)),
    ),
  );
}

const shown = (message: HeldMessage) => {
  const { id, sender, to, content, reason, heldAt } = message;
  const told = toldMessage({ id: heldMessageId(message), sender, to, content });
  return {
    ...{ held: id, ...told, ...(told.texts && { texts: [...told.texts] }) },
    ...(reason === '' ? {} : { reason }),
    heldAt: new Date(heldAt).toISOString(),
  };
};

/** @param receipt undefined: the operator refused it */
function outcomeOf(
  receipt: SendReceipt | undefined,
  reason: string | undefined,
): { readonly outcome: 'stored' | 'later' | 'refused'; readonly why?: string } {
  if (receipt === undefined) return { outcome: 'refused', ...(reason && { why: reason }) };
  if (receipt.outcome === 'refused') return { outcome: 'refused', why: receipt.text };
  return { outcome: receipt.outcome === 'stored' ? 'stored' : 'later' };
}

/** @throws {CimError} 3000 */
function reasonIn(body: unknown): string | undefined {
  const { reason } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (reason === undefined) return undefined;
  if (typeof reason !== 'string' || reason.length > REASON_CHARACTERS || /\p{C}/u.test(reason))
    throw new CimError('invalid', `reason must be at most ${REASON_CHARACTERS} characters that can be shown`);
  return reason;
}
