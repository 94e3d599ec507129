/** `GET /admin/online`: lists the users who are online, by im-server. */
import { CimError, type InstanceId, type NamedUser } from '@cim/protocol';
import { inSlices } from '@cim/runtime';
import { pageCursor, positionInCursor } from '@cim/store';
import { type Static, Type } from 'typebox';
import { cursorText, limitOf, pageOf } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, NamedUserShape } from './admin-shapes.ts';
import { shownUser } from './named-user.ts';

const LIMIT = 100;
const Page = pageOf(
  Type.Object({
    ...NamedUserShape.properties,
    server: Type.String({ description: 'instance of an im-server that holds a device of the user' }),
  }),
  'after',
);
const query = Type.Object({
  server: Type.Optional(
    Type.String({ maxLength: 64, description: 'instance of the only im-server to list; without it all' }),
  ),
  limit: limitOf(1_000, LIMIT),
  after: cursorText('`next` of the page before'),
});

export function addOnline(app: V1App, { parts, audited }: AdminParts): void {
  const { membership, store } = parts;
  const schema = adminOperation(
    { querystring: query },
    {
      tags: ['users'],
      summary: 'Who is online, by im-server',
      description:
        'Ascending by instance, then by user id. A user with devices at two im-servers is listed with both.',
      answers: { 200: Page },
      problems: [404],
    },
  );
  app.get('/online', { schema }, (request): Promise<Static<typeof Page>> => {
    const { server, limit = LIMIT, after } = request.query;
    return audited(request, 'online.list', server ?? 'all', async () => {
      const listed = membership.members().flatMap(({ instance }) => instance ?? []);
      if (listed.length === 0 && !membership.connected)
        throw new CimError(
          'failure',
          `who is online is not known: ${membership.description} does not answer`,
        );
      const instances = server === undefined ? listed.toSorted() : listed.filter((one) => one === server);
      if (server !== undefined && instances.length === 0)
        throw new CimError('unknownServer', `no im-server ${JSON.stringify(server)} is listed`);
      const list = `online ${server ?? ''}`;
      const begin = after === undefined ? undefined : placeOf(positionInCursor(list, after));
      const items: (NamedUser & { server: InstanceId })[] = [];
      for (const instance of instances) {
        if (begin !== undefined && instance < begin.instance) continue;
        const above = begin?.instance === instance ? begin.user : 0;
        const users = new Map<number, NamedUser>();
        await inSlices(await store.sessions.online(instance), (user) => {
          if (user.userId > above) users.set(user.userId, user);
        });
        // A typed array of numbers is sorted ten times as fast as users with a comparison.
        const ids = Float64Array.from(users.keys()).sort();
        for (const id of ids.subarray(0, limit + 1 - items.length)) {
          const user = users.get(id);
          if (user !== undefined) items.push({ ...user, server: instance });
        }
        if (items.length > limit) break;
      }
      const page = items.slice(0, limit);
      const last = page.at(-1);
      return {
        items: page.map((user) => ({ ...shownUser(user), server: user.server })),
        ...(items.length > limit && last !== undefined
          ? { next: pageCursor(list, `${last.server} ${last.userId}`) }
          : {}),
      };
    });
  });
}

function placeOf(position: string): { readonly instance: string; readonly user: number } {
  const [instance = '', user = ''] = position.split(' ');
  return { instance, user: Number(user) };
}
