/** `/admin/log`: changes the log of all servers for a while. */
import { CimError, isUserId } from '@cim/protocol';
import { LOG_LEVELS, type LogWish } from '@cim/runtime';
import { Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import { adminOperation, CHECKED_BY_HAND } from './admin-shapes.ts';
import type { AdminParts } from './admin-parts.ts';

const USUAL_MINUTES = 15;
const MOST_MINUTES = 1_440;

const LogShape = Type.Object({
  level: Type.String({ description: 'the level now, or `as started`' }),
  user: Type.Optional(Type.String({ description: 'all lines of this user are written' })),
});
const LogUntil = Type.Object({ ...LogShape.properties, endsAt: timeText('when all is as before') });
const Wanted = Type.Object({
  level: Type.Optional(oneOf([...LOG_LEVELS], 'in place of the level that the servers were started with')),
  user: Type.Optional(Type.String({ description: 'id of a user whose lines are all written' })),
  minutes: Type.Optional(
    Type.Integer({
      ...{ minimum: 1, maximum: MOST_MINUTES },
      description: `it ends after that; ${USUAL_MINUTES} when it is not given`,
    }),
  ),
});
const tags = ['log'];

export function addLog(app: V1App, { parts, audited }: AdminParts): void {
  const { logs } = parts.messaging;
  const shown = ({ level, user }: LogWish) => ({
    level: level ?? 'as started',
    ...(user !== undefined && { user: String(user) }),
  });

  const show = adminOperation({}, { tags, summary: 'Show what is logged', answers: { 200: LogShape } });
  app.get('/log', { schema: show }, () => shown(logs.wish));

  const change = adminOperation(
    { body: Wanted },
    {
      tags,
      summary: 'Change what all servers log, for a while',
      description: 'A server that is restarted forgets it.',
      answers: { 200: LogUntil },
      problems: [404],
    },
  );
  app.put('/log', { schema: change, ...CHECKED_BY_HAND }, (request) =>
    audited(request, 'log.change', 'all servers', async () => {
      const { wish, minutes } = wanted(request.body);
      if (wish.user !== undefined && (await parts.store.accounts.byId(wish.user)) === undefined)
        throw new CimError('unknownAccount', 'there is no such user');
      await logs.want(wish, minutes * 60_000);
      return { ...shown(wish), endsAt: new Date(Date.now() + minutes * 60_000).toISOString() };
    }),
  );

  const end = adminOperation({}, { tags, summary: 'Log as before', answers: { 204: null } });
  app.delete('/log', { schema: end }, async (request, reply) => {
    await audited(request, 'log.change-end', 'all servers', () => logs.want({}, 0));
    return reply.code(204).send();
  });
}

/** @throws {CimError} 3000 */
function wanted(body: unknown) {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new CimError('invalid', 'the body must be a JSON object');
  const { level, user, minutes = USUAL_MINUTES } = body as Record<string, unknown>;
  const known = LOG_LEVELS.find((one) => one === level);
  if (level !== undefined && known === undefined)
    throw new CimError('invalid', `level must be one of ${LOG_LEVELS.join(', ')}`);
  const id = Number(user);
  if (user !== undefined && !isUserId(id)) throw new CimError('invalid', 'user must be a user id');
  if (typeof minutes !== 'number' || !(Number.isInteger(minutes) && minutes > 0 && minutes <= MOST_MINUTES))
    throw new CimError('invalid', `minutes must be a whole number from 1 to ${MOST_MINUTES}`);
  if (known === undefined && user === undefined)
    throw new CimError('invalid', 'give a level, or the user whose lines are all to be written, or both');
  return {
    minutes,
    wish: {
      ...(known !== undefined && { level: known }),
      ...(user !== undefined && isUserId(id) && { user: id }),
    },
  };
}
