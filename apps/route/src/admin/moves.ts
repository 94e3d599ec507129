/** `/admin/servers/:id/drain` and `/admin/rebalance`: sessions move from im-servers to the others. */
import type { MoveRequest, MoveStanding } from '@cim/delivery';
import { type Member, memberName } from '@cim/discovery';
import { CimError, type InstanceId } from '@cim/protocol';
import type { FastifyInstance } from 'fastify';
import type { AdminParts } from './admin-parts.ts';
import { shareOf } from './share.ts';

const MOST_RATE = 100_000;

type Ours = Member & { readonly instance: InstanceId };

const isOurs = (member: Member): member is Ours => member.instance !== undefined;

const shown = (member: Ours, { moving, ...standing }: MoveStanding) => ({
  ...{ instance: member.instance, server: memberName(member) },
  moving: moving ?? 'none',
  ...standing,
});

export function addMoves(app: FastifyInstance, { parts, audited }: AdminParts): void {
  const { membership, messaging } = parts;
  const ask = async (member: Ours, asked: MoveRequest) =>
    shown(member, await messaging.calls.move(member, asked));
  const ours = (): Ours[] => membership.members().filter(isOurs);
  /** By instance, or by address as it is listed. @throws {CimError} 9515 */
  const find = (id: string): Ours => {
    const found = ours().find((member) => member.instance === id || memberName(member) === id);
    if (found !== undefined) return found;
    throw new CimError('unknownServer', `no im-server "${id}" is listed; cim admin servers lists them`);
  };

  app.get<{ Params: { id: string } }>('/servers/:id/drain', (request) =>
    ask(find(request.params.id), { act: 'ask' }),
  );

  app.post<{ Params: { id: string } }>('/servers/:id/drain', async (request, reply) => {
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

  app.delete<{ Params: { id: string } }>('/servers/:id/drain', (request) => {
    const { id } = request.params;
    return audited(request, 'server.drain-end', `im-server ${id}`, async () => {
      const member = find(id);
      const { moving } = await ask(member, { act: 'ask' });
      if (moving !== 'drain') throw new CimError('invalid', `the im-server ${id} is not drained now`);
      return ask(member, { act: 'end' });
    });
  });

  app.get('/rebalance', async () => ({
    items: await Promise.all(ours().map((member) => ask(member, { act: 'ask' }))),
  }));

  app.post('/rebalance', async (request, reply) => {
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

  app.delete('/rebalance', (request) =>
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
