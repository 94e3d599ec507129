/** `/admin/bans`: who is suspended; an operator suspends and ends it. */
import { CimError } from '@cim/protocol';
import { type Ban, parseSubject, type Subject } from '@cim/store';
import type { FastifyInstance } from 'fastify';
import type { AdminParts } from './admin-parts.ts';

/** A ban by hand lasts so long unless it says, and a year at most [s]. */
const USUAL_S = 3_600;
const MOST_S = 365 * 86_400;
const REASON_CHARACTERS = 200;

const shown = ({ subject, leftMs, step, reason }: Ban) => ({
  ...{ subject, reason },
  by: step === 0 ? 'operator' : 'limits',
  ...(step > 0 && { step }),
  endsAt: new Date(Date.now() + leftMs).toISOString(),
});

export function addBans(app: FastifyInstance, { parts, audited }: AdminParts): void {
  const { suspensions } = parts.messaging;
  const { bans } = parts.store;

  app.get('/bans', async () => ({ items: (await bans.list()).map(shown) }));

  app.put<{ Params: { subject: string } }>('/bans/:subject', (request) => {
    const { subject: named } = request.params;
    return audited(request, 'ban', named, async () => {
      const subject = subjectOf(named);
      const { seconds, reason } = wanted(request.body ?? {});
      const ban = await bans.ban(subject, seconds * 1_000, reason);
      suspensions.announce(subject, ban.leftMs);
      return shown(ban);
    });
  });

  app.delete<{ Params: { subject: string } }>('/bans/:subject', async (request, reply) => {
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
  const { seconds = USUAL_S, reason = 'by an operator' } = body as Record<string, unknown>;
  if (typeof seconds !== 'number' || !(Number.isInteger(seconds) && seconds > 0 && seconds <= MOST_S))
    throw new CimError('invalid', `seconds must be a whole number from 1 to ${MOST_S}`);
  if (typeof reason !== 'string' || reason.length > REASON_CHARACTERS || /\p{C}/u.test(reason))
    throw new CimError('invalid', `reason must be at most ${REASON_CHARACTERS} characters that can be shown`);
  return { seconds, reason };
}
