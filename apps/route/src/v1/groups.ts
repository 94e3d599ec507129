import type { Messaging } from '@cim/delivery';
import { CimError, type GroupId, LOBBY, type UserId } from '@cim/protocol';
import { type Group, GROUP_LIMITS, type Groups, pageCursor, positionInCursor, type Role } from '@cim/store';
import type { RequestLimits } from '../limits/request-limits.ts';
import { type Static, Type } from 'typebox';
import { idempotencyKey } from '../sending.ts';
import type { Actor } from '../identity/identify.ts';
import type { Bearer } from './bearer.ts';
import {
  cursorText,
  documented,
  groupIdText,
  limitOf,
  oneOf,
  pageOf,
  timeText,
  userIdText,
} from './shapes.ts';
import type { V1App } from './v1-app.ts';

const LIMIT = 100;

const name = Type.String({ description: `1 to ${GROUP_LIMITS.nameCharacters} characters` });
const category = Type.String({
  description: `a label to list by, at most ${GROUP_LIMITS.categoryCharacters} characters`,
});
const join = oneOf(['open', 'invite'], '`open`: anybody may join; `invite`: an owner or admin adds members');

export const usersShape = Type.Array(userIdText('a user'), {
  maxItems: GROUP_LIMITS.addedAtOnce,
  description: `at most ${GROUP_LIMITS.addedAtOnce} at once`,
});
export const groupParams = Type.Object({ id: groupIdText('of the group') });

const NewGroup = Type.Object(
  { name, category: Type.Optional(category), join, users: Type.Optional(usersShape) },
  { examples: [{ name: 'Lunch', category: 'food', join: 'open' }] },
);
const GroupChange = Type.Object(
  { name: Type.Optional(name), category: Type.Optional(category), join: Type.Optional(join) },
  { examples: [{ name: 'Late lunch' }] },
);
const GroupShape = Type.Object(
  {
    id: Type.String({ description: 'decimal' }),
    name: Type.String(),
    category: Type.String({ description: "'' for none" }),
    join,
    owner: Type.String({ description: 'user id, decimal' }),
    members: Type.Integer({ description: 'how many' }),
    createdAt: timeText("the store's clock"),
    role: Type.Optional(oneOf(['owner', 'admin', 'member'], "the caller's, if it is a member")),
  },
  {
    examples: [
      {
        id: '17',
        name: 'Lunch',
        category: 'food',
        join: 'open',
        owner: '1001',
        members: 1,
        createdAt: '2026-11-28T12:00:00.000Z',
        role: 'owner',
      },
    ],
  },
);
type ShownGroup = Static<typeof GroupShape>;

const tags = ['groups'];
const answers = { 200: GroupShape };

export function addGroups(
  v1: V1App,
  bearer: Bearer,
  groups: Groups,
  service: Messaging['groups'],
  limits: RequestLimits,
): void {
  /** The group after a change, as the actor sees it. */
  const seenBy = async (actor: Actor, group: Group): Promise<ShownGroup> =>
    shownGroup(group, (await groups.member(group.id, actor.userId))?.role);

  const create = documented(
    { body: NewGroup },
    {
      tags,
      summary: 'Create a group',
      description:
        'The caller owns it; `users` are members from the beginning. A request that is repeated with the same ' +
        '`Idempotency-Key` within an hour creates it once.',
      answers: { 201: GroupShape },
      problems: [404, 409, 429],
      keyed: true,
    },
  );
  v1.post(
    '/groups',
    { onRequest: bearer.acts('groups'), schema: create },
    async (request, reply): Promise<ShownGroup> => {
      const { users = [], ...given } = request.body;
      const actor = bearer.actor(request);
      await limits.join(actor.userId, 1 + users.length);
      const group = await service.create(
        actor,
        { ...given, users: users.map(userOf) },
        idempotencyKey(request),
      );
      void reply.code(201);
      return shownGroup(group, 'owner');
    },
  );

  const Page = pageOf(GroupShape, 'after');
  const list = documented(
    {
      querystring: Type.Object({
        category: Type.Optional(Type.String({ description: 'only groups of this category' })),
        limit: limitOf(LIMIT, LIMIT),
        after: cursorText('`next` of the page before'),
      }),
    },
    {
      tags,
      summary: 'List the own groups',
      description: 'Those that the caller is a member of, ascending by id; the lobby is not among them.',
      answers: { 200: Page },
    },
  );
  v1.get(
    '/groups',
    { onRequest: bearer.acts('read', 'groups'), schema: list },
    async (request): Promise<Static<typeof Page>> => {
      const { userId } = bearer.actor(request);
      const { category: only, limit = LIMIT, after } = request.query;
      const name = `groups:${userId} ${only ?? '*'}`;
      const from = after === undefined ? 0 : Number(positionInCursor(name, after));
      const own = (await groups.memberships(userId))
        .filter(({ group, category }) => Number(group) > from && (only === undefined || category === only))
        .sort((a, b) => Number(a.group) - Number(b.group));
      const page = own.slice(0, limit);
      const found = await Promise.all(page.map(({ group }) => groups.find(group)));
      const last = page.at(-1);
      return {
        // Groups that were disbanded meanwhile are left out.
        items: found.flatMap((group, i) => (group === undefined ? [] : shownGroup(group, page[i]?.role))),
        ...(last === undefined || own.length === page.length ? {} : { next: pageCursor(name, last.group) }),
      };
    },
  );

  const read = documented(
    { params: groupParams },
    {
      tags,
      summary: 'Read a group',
      description: 'An open one, or one that the caller is a member of.',
      answers,
      problems: [404],
    },
  );
  v1.get(
    '/groups/:id',
    { onRequest: bearer.acts('read', 'groups'), schema: read },
    async (request): Promise<ShownGroup> => {
      const id = groupOf(request.params.id);
      const [group, member] = await Promise.all([
        groups.find(id),
        groups.member(id, bearer.actor(request).userId),
      ]);
      if (group === undefined) throw new CimError('unknownGroup');
      if (member === undefined && group.join !== 'open') throw new CimError('notMember');
      return shownGroup(group, member?.role);
    },
  );

  const change = documented(
    { params: groupParams, body: GroupChange },
    { tags, summary: 'Change a group', description: 'Its owner and admins may.', answers, problems: [404] },
  );
  v1.patch(
    '/groups/:id',
    { onRequest: bearer.acts('groups'), schema: change },
    async (request): Promise<ShownGroup> => {
      const actor = bearer.actor(request);
      return seenBy(actor, await service.change(actor, groupOf(request.params.id), request.body));
    },
  );

  const disband = documented(
    { params: groupParams },
    {
      tags,
      summary: 'Disband a group',
      description: 'Its owner may.',
      answers: { 204: null },
      problems: [404],
    },
  );
  v1.delete('/groups/:id', { onRequest: bearer.acts('groups'), schema: disband }, async (request, reply) => {
    const id = groupOf(request.params.id);
    await service.disband(bearer.actor(request), id);
    return reply.code(204).send();
  });

  const transfer = documented(
    { params: groupParams, body: Type.Object({ user: userIdText('who owns it then') }) },
    {
      tags,
      summary: 'Transfer a group',
      description: 'To one of its members. Its owner may, and becomes an admin.',
      answers,
      problems: [404],
    },
  );
  v1.post(
    '/groups/:id/transfer',
    { onRequest: bearer.acts('groups'), schema: transfer },
    async (request): Promise<ShownGroup> => {
      const actor = bearer.actor(request);
      const id = groupOf(request.params.id);
      await service.transfer(actor, id, userOf(request.body.user));
      const group = await groups.find(id);
      if (group === undefined) throw new CimError('unknownGroup');
      return seenBy(actor, group);
    },
  );
}

function shownGroup(group: Group, role: Role | undefined): ShownGroup {
  const { id, name, category, join, owner, members, createdAt } = group;
  return {
    ...{ id, name, category, join, members },
    owner: String(owner),
    createdAt: new Date(createdAt).toISOString(),
    ...(role === undefined ? {} : { role }),
  };
}

export const userOf = (id: string): UserId => Number(id) as UserId;

/**
 * Parses the id of a group. @throws {CimError} 9202: the lobby has no list of members, and cannot be changed
 */
export function groupOf(id: string): GroupId {
  if (id === LOBBY)
    throw new CimError(
      'notAllowed',
      'the lobby is of all users: it has no list of members and cannot be changed',
    );
  return id as GroupId;
}
