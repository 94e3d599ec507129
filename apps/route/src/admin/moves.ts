/** `/admin/servers/:id/drain` and `/admin/rebalance`: move sessions from im-servers to the others. */
import type { MoveRequest, MoveStanding } from '@cim/delivery';
import { type Member, memberName } from '@cim/discovery';
import { CimError, type InstanceId } from '@cim/protocol';
import { Type } from 'typebox';
import { oneOf } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, CHECKED_BY_HAND } from './admin-shapes.ts';
import { shareOf } from './share.ts';

const MOST_RATE = 100_000;

const StandingShape = Type.Object({
  instance: Type.String(),
  server: Type.String({ description: 'its address, as the registry lists it' }),
  moving: oneOf(['none', 'drain', 'rebalance'], 'why its sessions move to the others'),
  own: Type.Integer({ description: 'sessions of our own wire' }),
  cim: Type.Integer({ description: "sessions of CIM's clients" }),
  left: Type.Integer({ description: 'sessions that are to move still' }),
  moved: Type.Integer({ description: 'sessions that were asked to move since it began' }),
  rate: Type.Integer({ description: 'sessions a second' }),
  thenExit: Type.Boolean({ description: 'its process ends when no session is left' }),
  waits: Type.String({ description: "why none moves now, for people; '' when nothing is in its way" }),
});
const Standings = Type.Object({ items: Type.Array(StandingShape) });
const Shared = Type.Object({
  ...Standings.properties,
  share: Type.Integer({ description: 'sessions that each im-server keeps at least' }),
});
const rate = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: MOST_RATE,
    description: 'sessions a second; without it CIM_DRAIN_RATE',
  }),
);
const Drain = Type.Object({ rate, thenExit: Type.Optional(Type.Boolean()) });
const Rebalance = Type.Object({ rate });
const params = Type.Object({ id: Type.String({ description: 'instance of an im-server, or its address' }) });
const tags = ['servers'];
const problems = [404];

type Ours = Member & { readonly instance: InstanceId };

const isOurs = (member: Member): member is Ours => member.instance !== undefined;

const shown = (member: Ours, { moving, ...standing }: MoveStanding) => ({
  ...{ instance: member.instance, server: memberName(member) },
  moving: moving ?? ('none' as const),
  ...standing,
});

export function addMoves(app: V1App, { parts, audited }: AdminParts): void {
  const { membership, messaging } = parts;
  const ask = async (member: Ours, asked: MoveRequest) =>
    shown(member, await messaging.calls.move(member, asked));
  const ours = (): Ours[] => membership.members().filter(isOurs);
  /** Finds an im-server by its instance or its listed address. @throws {CimError} 9515 */
  const find = (id: string): Ours => {
    const found = ours().find((member) => member.instance === id || memberName(member) === id);
    if (found !== undefined) return found;
    throw new CimError('unknownServer', `no im-server "${id}" is listed; cim admin servers lists them`);
  };

  const show = adminOperation(
    { params },
    { tags, summary: 'Show how a drain stands', answers: { 200: StandingShape }, problems },
  );
  app.get('/servers/:id/drain', { schema: show }, (request) => ask(find(request.params.id), { act: 'ask' }));

  const drain = adminOperation(
    { params, body: Drain },
    {
      tags,
      summary: 'Move the sessions of an im-server to the others',
      description: 'No login is placed there until that is ended.',
      answers: { 202: StandingShape },
      problems,
    },
  );
  app.post('/servers/:id/drain', { schema: drain, ...CHECKED_BY_HAND }, async (request, reply) => {
    const { id } = request.params;
    const answer = await audited(request, 'server.drain', `im-server ${id}`, async () => {
      const wanted = wantedOf(request.body, ['rate', 'thenExit']);
      const member = find(id);
      if (!ours().some((other) => other !== member && other.moving === undefined))
        throw new CimError('invalid', 'no other im-server takes logins: start one first');
      return ask(member, { act: 'drain', ...wanted });
    });
    return reply.code(202).send(answer);
  });

  const endDrain = adminOperation(
    { params },
    { tags, summary: 'End a drain', answers: { 200: StandingShape }, problems },
  );
  app.delete('/servers/:id/drain', { schema: endDrain }, (request) => {
    const { id } = request.params;
    return audited(request, 'server.drain-end', `im-server ${id}`, async () => {
      const member = find(id);
      const { moving } = await ask(member, { act: 'ask' });
      if (moving !== 'drain') throw new CimError('invalid', `the im-server ${id} is not drained now`);
      return ask(member, { act: 'end' });
    });
  });

  const showAll = adminOperation(
    {},
    { tags, summary: 'Show the sessions of each im-server', answers: { 200: Standings } },
  );
  app.get('/rebalance', { schema: showAll }, async () => ({
    items: await Promise.all(ours().map((member) => ask(member, { act: 'ask' }))),
  }));

  const rebalance = adminOperation(
    { body: Rebalance },
    {
      tags,
      summary: 'Have im-servers above the mean give away the surplus',
      answers: { 202: Shared },
    },
  );
  app.post('/rebalance', { schema: rebalance, ...CHECKED_BY_HAND }, async (request, reply) => {
    const answer = await audited(request, 'servers.rebalance', 'all im-servers', async () => {
      const wanted = wantedOf(request.body, ['rate']);
      const all = ours();
      const before = await Promise.all(all.map((member) => ask(member, { act: 'ask' })));
      const share = shareOf(before);
      const items = await Promise.all(
        all.map(async (member, i) => {
          const { own = 0, cim = 0, moving } = before[i] ?? {};
          const gives = moving !== 'drain' && own > 0 && own + cim > share;
          return gives ? ask(member, { act: 'rebalance', keep: share, ...wanted }) : before[i];
        }),
      );
      return { share, items };
    });
    return reply.code(202).send(answer);
  });

  const endAll = adminOperation(
    {},
    { tags, summary: 'End a rebalance where it is', answers: { 200: Standings } },
  );
  app.delete('/rebalance', { schema: endAll }, (request) =>
    audited(request, 'servers.rebalance-end', 'all im-servers', async () => ({
      items: await Promise.all(
        ours().map(async (member) => {
          const standing = await ask(member, { act: 'ask' });
          return standing.moving === 'rebalance' ? ask(member, { act: 'end' }) : standing;
        }),
      ),
    })),
  );
}

/** @throws {CimError} 3000 */
function wantedOf(body: unknown, known: readonly string[]): { rate?: number; thenExit?: boolean } {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body))
    throw new CimError('invalid', 'the body must be a JSON object');
  const { rate, thenExit, ...others } = body as Record<string, unknown>;
  const strange = [...Object.keys(others), ...(thenExit === undefined ? [] : ['thenExit'])].find(
    (name) => !known.includes(name),
  );
  if (strange !== undefined)
    throw new CimError('invalid', `${strange} is not known; give ${known.join(', ')}`);
  if (
    rate !== undefined &&
    !(typeof rate === 'number' && Number.isInteger(rate) && rate > 0 && rate <= MOST_RATE)
  )
    throw new CimError('invalid', `rate, sessions a second, must be a whole number from 1 to ${MOST_RATE}`);
  if (thenExit !== undefined && typeof thenExit !== 'boolean')
    throw new CimError('invalid', 'thenExit must be true or false');
  return { ...(rate !== undefined && { rate }), ...(thenExit !== undefined && { thenExit }) };
}
