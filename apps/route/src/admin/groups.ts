/** `/admin/groups`: shows a group and its members, and the groups of a user. */
import { CimError, type GroupId, groupStream } from '@cim/protocol';
import { pageCursor, positionInCursor } from '@cim/store';
import { type Static, Type } from 'typebox';
import { cursorText, groupIdText, limitOf, oneOf, pageOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, NamedUserShape, userParam } from './admin-shapes.ts';
import { isoTime, namedUser, nameOf } from './named-user.ts';

const LIMIT = 100;

const role = oneOf(['owner', 'admin', 'member'], 'what the user may do in the group');
const GroupShape = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    category: Type.String({ description: "a label to list groups by; '' for none" }),
    join: oneOf(['open', 'invite'], '`open`: any user may join'),
    owner: NamedUserShape,
    members: Type.Integer({ description: 'number of members' }),
    createdAt: timeText('when it was created'),
    log: Type.Object({
      first: Type.Integer({ description: 'oldest entry that is kept' }),
      top: Type.Integer({ description: 'newest entry' }),
    }),
  },
  {
    examples: [
      {
        ...{ id: '17', name: 'Release team', category: '', join: 'invite', members: 4 },
        owner: { id: '1001', name: 'alice' },
        createdAt: '2026-11-28T12:00:00.000Z',
        log: { first: 1, top: 42 },
      },
    ],
  },
);
const Members = pageOf(
  Type.Object({
    ...NamedUserShape.properties,
    role,
    muted: Type.Boolean({ description: 'it cannot write' }),
  }),
  'after',
);
const Groups = Type.Object({
  items: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), category: Type.String(), role })),
});
const params = Type.Object({ id: groupIdText('of the group') });
const tags = ['groups'];

export function addGroups(app: V1App, { parts, audited }: AdminParts): void {
  const { store } = parts;
  const { groups, streams } = store;

  const show = adminOperation(
    { params },
    { tags, summary: 'Show a group', answers: { 200: GroupShape }, problems: [404] },
  );
  app.get(
    '/groups/:id',
    { schema: show },
    (request): Promise<Static<typeof GroupShape>> =>
      audited(request, 'group.show', request.params.id, async () => {
        const id = request.params.id as GroupId;
        const group = await groups.find(id);
        if (group === undefined) throw new CimError('unknownGroup');
        const { name, category, join, owner, members, createdAt } = group;
        const { first, top } = await streams.position(groupStream(id));
        return {
          ...{ id, name, category, join, members, createdAt: isoTime(createdAt), log: { first, top } },
          owner: { id: String(owner), name: await nameOf(store, owner) },
        };
      }),
  );

  const list = adminOperation(
    {
      params,
      querystring: Type.Object({
        limit: limitOf(1_000, LIMIT),
        after: cursorText('`next` of the page before'),
      }),
    },
    {
      tags,
      summary: 'List the members of a group',
      description: 'The order stays while members come and go.',
      answers: { 200: Members },
      problems: [404],
    },
  );
  app.get(
    '/groups/:id/members',
    { schema: list },
    (request): Promise<Static<typeof Members>> =>
      audited(request, 'group.members', request.params.id, async () => {
        const { limit = LIMIT, after } = request.query;
        const id = request.params.id as GroupId;
        if ((await groups.find(id)) === undefined) throw new CimError('unknownGroup');
        const cursors = `admin members of ${id}`;
        const place = after === undefined ? undefined : positionInCursor(cursors, after);
        const { items, next } = await groups.members(id, limit, place);
        return {
          items: items.map(({ userId, userName, role: as, muted }) => ({
            ...{ id: String(userId), name: userName, role: as, muted },
          })),
          ...(next !== undefined && { next: pageCursor(cursors, next) }),
        };
      }),
  );

  const ofUser = adminOperation(
    { params: Type.Object({ user: userParam }) },
    {
      tags,
      summary: 'List the groups of a user',
      description: '1,000 at most, without the lobby, whose members are all users.',
      answers: { 200: Groups },
      problems: [404],
    },
  );
  app.get(
    '/users/:user/groups',
    { schema: ofUser },
    (request): Promise<Static<typeof Groups>> =>
      audited(request, 'user.groups', request.params.user, async () => {
        const { userId } = await namedUser(store, request.params.user);
        const items = await groups.memberships(userId);
        return {
          items: items.map(({ group, name, category, role: as }) => ({
            id: group,
            name,
            category,
            role: as,
          })),
        };
      }),
  );
}
