/** `/admin/bans`: lists suspensions, and lets an operator suspend a user or an address and end it. */
import { CimError } from '@cim/protocol';
import { type Ban, parseSubject, type Subject } from '@cim/store';
import { Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, CHECKED_BY_HAND } from './admin-shapes.ts';

/** Length of a ban unless the request names one [s]; the longest is a year. */
const USUAL_S = 3_600;
const MOST_S = 365 * 86_400;
const REASON_CHARACTERS = 200;

const BanShape = Type.Object(
  {
    subject: Type.String({ description: '`user:1001`, `address:192.0.2.1`, `address:2001:db8:0:0::/64`' }),
    reason: Type.String(),
    by: oneOf(['operator', 'limits'], 'who suspended'),
    step: Type.Optional(Type.Integer({ description: 'of limits: each suspension within a day is longer' })),
    endsAt: timeText('when it ends by itself'),
  },
  {
    examples: [{ subject: 'user:1001', reason: 'spam', by: 'operator', endsAt: '2026-11-28T13:00:00.000Z' }],
  },
);
const Bans = Type.Object({ items: Type.Array(BanShape) });
const params = Type.Object({
  subject: Type.String({ description: 'a user or an address; a / is %2F in a path' }),
});
const NewBan = Type.Object({
  seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_S, description: `without it ${USUAL_S}` })),
  reason: Type.Optional(Type.String({ maxLength: REASON_CHARACTERS, description: 'for other operators' })),
});
const tags = ['bans'];

const shown = ({ subject, leftMs, step, reason }: Ban) => ({
  ...{ subject, reason },
  by: step === 0 ? ('operator' as const) : ('limits' as const),
  ...(step > 0 && { step }),
  endsAt: new Date(Date.now() + leftMs).toISOString(),
});

export function addBans(app: V1App, { parts, audited }: AdminParts): void {
  const { suspensions } = parts.messaging;
  const { bans } = parts.store;

  const list = adminOperation(
    {},
    { tags, summary: 'List the users and addresses that are suspended', answers: { 200: Bans } },
  );
  app.get('/bans', { schema: list }, async () => ({ items: (await bans.list()).map(shown) }));

  const add = adminOperation(
    { params, body: NewBan },
    {
      tags,
      summary: 'Suspend a user or an address',
      description: 'In place of any suspension before; connections are closed at once, everywhere.',
      answers: { 200: BanShape },
    },
  );
  app.put('/bans/:subject', { schema: add, ...CHECKED_BY_HAND }, (request) => {
    const { subject: named } = request.params;
    return audited(request, 'ban', named, async () => {
      const subject = subjectOf(named);
      const { seconds, reason } = wanted(request.body);
      const ban = await bans.ban(subject, seconds * 1_000, reason);
      suspensions.announce(subject, ban.leftMs);
      return shown(ban);
    });
  });

  const end = adminOperation({ params }, { tags, summary: 'End a suspension', answers: { 204: null } });
  app.delete('/bans/:subject', { schema: end, ...CHECKED_BY_HAND }, async (request, reply) => {
    const { subject: named } = request.params;
    await audited(request, 'unban', named, async () => {
      const subject = subjectOf(named);
      const was = await bans.unban(subject);
      suspensions.announce(subject, 0);
      if (!was) throw new CimError('invalid', `${subject} is not suspended`);
    });
    return reply.code(204).send();
  });
}

/** @throws {CimError} 3000 */
function subjectOf(text: string): Subject {
  const subject = parseSubject(text);
  if (subject !== undefined) return subject;
  throw new CimError(
    'invalid',
    'name a user (user:1001) or an address (address:192.0.2.1, address:2001:db8::/64); a / is %2F in a path',
  );
}

/** @throws {CimError} 3000 */
function wanted(body: unknown): { readonly seconds: number; readonly reason: string } {
  const { seconds = USUAL_S, reason = 'by an operator' } = (body ?? {}) as Record<string, unknown>;
  if (typeof seconds !== 'number' || !(Number.isInteger(seconds) && seconds > 0 && seconds <= MOST_S))
    throw new CimError('invalid', `seconds must be a whole number from 1 to ${MOST_S}`);
  if (typeof reason !== 'string' || reason.length > REASON_CHARACTERS || /\p{C}/u.test(reason))
    throw new CimError('invalid', `reason must be at most ${REASON_CHARACTERS} characters that can be shown`);
  return { seconds, reason };
}
