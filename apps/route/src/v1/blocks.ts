import { CimError, type UserId } from '@cim/protocol';
import type { Store } from '@cim/store';
import { Type } from 'typebox';
import type { Bearer } from './bearer.ts';
import { documented, NamedUserShape, userIdText } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const tags = ['users'];
const params = Type.Object({ user: userIdText('of the user who is blocked') });
const List = Type.Object({ items: Type.Array(NamedUserShape) });

/** Adds the paths for the users whose private messages the caller has blocked. */
export function addBlocks(
  v1: V1App,
  bearer: Bearer,
  { accounts, blocks }: Pick<Store, 'accounts' | 'blocks'>,
): void {
  const list = documented(
    {},
    {
      tags,
      summary: 'List the users whom you have blocked',
      description: 'Ascending by id, 1,000 at most.',
      answers: { 200: List },
    },
  );
  v1.get('/blocks', { onRequest: bearer.acts(), schema: list }, async (request) => {
    const ids = await blocks.list(bearer.actor(request).userId);
    const users = await Promise.all(ids.map((id) => accounts.byId(id)));
    return {
      items: ids.map((id, i) => ({ id: String(id), name: users[i]?.userName ?? String(id) })),
    };
  });

  const block = documented(
    { params },
    {
      tags,
      summary: 'Block a user',
      description:
        'Private messages of that user to you are refused (9501) from then on. Messages that are stored stay. In groups ' +
        'it changes nothing, but that user cannot add you to a group (9501). Repeating it changes nothing.',
      answers: { 204: null },
      problems: [404, 409],
    },
  );
  v1.put('/blocks/:user', { onRequest: bearer.acts(), schema: block }, async (request, reply) => {
    const { userId } = bearer.actor(request);
    const blocked = Number(request.params.user) as UserId;
    if (blocked === userId) throw new CimError('invalid', 'nobody can block themselves');
    if ((await accounts.byId(blocked)) === undefined)
      throw new CimError('unknownAccount', 'there is no such user');
    if ((await blocks.block(userId, blocked)) === 'full') throw new CimError('tooManyBlocks');
    return reply.code(204).send();
  });

  const unblock = documented(
    { params },
    {
      tags,
      summary: 'Unblock a user',
      description: 'Also when that user was not blocked.',
      answers: { 204: null },
    },
  );
  v1.delete('/blocks/:user', { onRequest: bearer.acts(), schema: unblock }, async (request, reply) => {
    await blocks.unblock(bearer.actor(request).userId, Number(request.params.user) as UserId);
    return reply.code(204).send();
  });
}
