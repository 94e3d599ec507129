import type { Messaging } from '@cim/delivery';
import { CimError, type GroupId, type UserId } from '@cim/protocol';
import { type Groups, type Member, pageCursor, positionInCursor } from '@cim/store';
import type { RequestLimits } from '../limits/request-limits.ts';
import { type Static, Type } from 'typebox';
import type { Bearer } from './bearer.ts';
import { groupOf, groupParams, userOf, usersShape } from './groups.ts';
import {
  cursorText,
  documented,
  groupIdText,
  limitOf,
  NamedUserShape,
  oneOf,
  pageOf,
  userIdText,
} from './shapes.ts';
import type { V1App } from './v1-app.ts';

const LIMIT = 100;

const MemberShape = Type.Object(
  {
    ...NamedUserShape.properties,
    role: oneOf(['owner', 'admin', 'member'], 'what it may do in the group'),
    muted: Type.Boolean({ description: 'it reads, and cannot write' }),
  },
  { examples: [{ id: '1002', name: 'bob', role: 'member', muted: false }] },
);
type ShownMember = Static<typeof MemberShape>;
const NewMembers = Type.Object(
  { users: Type.Optional(usersShape) },
  { examples: [{ users: ['1002', '1003'] }, {}] },
);
const MemberChange = Type.Object(
  {
    role: Type.Optional(oneOf(['admin', 'member'], 'the owner alone may change it')),
    muted: Type.Optional(Type.Boolean()),
  },
  { examples: [{ role: 'admin' }, { muted: true }] },
);
const Added = Type.Object({
  added: Type.Array(Type.String({ description: 'id of a user that was no member before' })),
});
const memberParams = Type.Object({ id: groupIdText('of the group'), user: userIdText('the member') });

const tags = ['groups'];

export function addMembers(
  v1: V1App,
  bearer: Bearer,
  groups: Groups,
  service: Messaging['groups'],
  limits: RequestLimits,
): void {
  /** Checks that the user is a member. @throws {CimError} 9200, 9201 */
  const requireMember = async (group: GroupId, user: UserId): Promise<void> => {
    if ((await groups.member(group, user)) !== undefined) return;
    throw new CimError((await groups.find(group)) === undefined ? 'unknownGroup' : 'notMember');
  };

  const Page = pageOf(MemberShape, 'after');
  const list = documented(
    {
      params: groupParams,
      querystring: Type.Object({
        limit: limitOf(1_000, LIMIT),
        after: cursorText('`next` of the page before'),
      }),
    },
    {
      tags,
      summary: 'List the members of a group',
      description: 'Members may. The order stays while members come and go.',
      answers: { 200: Page },
      problems: [404],
    },
  );
  v1.get(
    '/groups/:id/members',
    { onRequest: bearer.acts('read', 'groups'), schema: list },
    async (request): Promise<Static<typeof Page>> => {
      const id = groupOf(request.params.id);
      await requireMember(id, bearer.actor(request).userId);
      const { limit = LIMIT, after } = request.query;
      const name = `members:${id}`;
      const place = after === undefined ? undefined : positionInCursor(name, after);
      const { items, next } = await groups.members(id, limit, place);
      return {
        items: items.map(shownMember),
        ...(next === undefined ? {} : { next: pageCursor(name, next) }),
      };
    },
  );

  const add = documented(
    { params: groupParams, body: NewMembers },
    {
      tags,
      summary: 'Add members, or join',
      description: 'With `users` its owner and admins add them. With `{}` the caller joins an open group.',
      answers: { 200: Added },
      problems: [404, 409, 429],
    },
  );
  v1.post(
    '/groups/:id/members',
    { onRequest: bearer.acts('groups'), schema: add },
    async (request): Promise<Static<typeof Added>> => {
      const actor = bearer.actor(request);
      const id = groupOf(request.params.id);
      const { users } = request.body;
      await limits.join(actor.userId, users?.length);
      if (users !== undefined)
        return { added: (await service.add(actor, id, users.map(userOf))).map(String) };
      return { added: (await service.join(actor, id)) ? [String(actor.userId)] : [] };
    },
  );

  const change = documented(
    { params: memberParams, body: MemberChange },
    {
      tags,
      summary: 'Change the role of a member, or mute it',
      description: 'The owner changes roles; the owner and admins mute.',
      answers: { 200: MemberShape },
      problems: [404],
    },
  );
  v1.patch(
    '/groups/:id/members/:user',
    { onRequest: bearer.acts('groups'), schema: change },
    async (request): Promise<ShownMember> => {
      const actor = bearer.actor(request);
      const [id, user] = [groupOf(request.params.id), userOf(request.params.user)];
      const { role, muted } = request.body;
      if (role === undefined && muted === undefined)
        throw new CimError('invalid', 'nothing to change; give role, muted or both');
      if (role !== undefined) await service.setRole(actor, id, user, role);
      if (muted !== undefined) await service.mute(actor, id, user, muted);
      const member = await groups.member(id, user);
      if (member === undefined)
        throw new CimError('unknownAccount', 'this user is not a member of the group');
      return shownMember(member);
    },
  );

  const remove = documented(
    { params: memberParams },
    {
      tags,
      summary: 'Remove a member, or leave',
      description: 'The caller leaves with its own id; the owner cannot. Others the owner and admins remove.',
      answers: { 204: null },
      problems: [404],
    },
  );
  v1.delete(
    '/groups/:id/members/:user',
    { onRequest: bearer.acts('groups'), schema: remove },
    async (request, reply) => {
      const actor = bearer.actor(request);
      const [id, user] = [groupOf(request.params.id), userOf(request.params.user)];
      await (user === actor.userId ? service.leave(actor, id) : service.remove(actor, id, user));
      return reply.code(204).send();
    },
  );
}

const shownMember = ({ userId, userName, role, muted }: Member): ShownMember => ({
  id: String(userId),
  name: userName,
  role,
  muted,
});
