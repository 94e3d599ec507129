import { CimError, type NamedUser, type UserId } from '@cim/protocol';
import type { Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import type { Bearer } from './bearer.ts';
import { documented, NamedUserShape, userIdText } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const UserShape = Type.Object(
  {
    ...NamedUserShape.properties,
    online: Type.Boolean({ description: 'whether one of their devices is connected' }),
  },
  { examples: [{ id: '1001', name: 'alice', online: true }] },
);
const answers = { 200: UserShape };

export function addUsers(
  v1: V1App,
  bearer: Bearer,
  { accounts, sessions }: Pick<Store, 'accounts' | 'sessions'>,
): void {
  const shown = async (user: NamedUser | undefined): Promise<Static<typeof UserShape>> => {
    if (user === undefined) throw new CimError('unknownAccount', 'there is no such user');
    const { userId, userName } = user;
    return { id: String(userId), name: userName, online: (await sessions.locate(userId)).length > 0 };
  };

  const byName = documented(
    {
      querystring: Type.Object({
        name: Type.String({ minLength: 1, maxLength: 256, description: 'exact; case is ignored' }),
      }),
    },
    { tags: ['users'], summary: 'Look up a user by name', answers, problems: [404], known: true },
  );
  v1.get('/users', { onRequest: bearer.known, schema: byName }, async (request) =>
    shown(await accounts.byName(request.query.name)),
  );

  const byId = documented(
    { params: Type.Object({ id: userIdText('of the user') }) },
    { tags: ['users'], summary: 'Look up a user by id', answers, problems: [404], known: true },
  );
  v1.get('/users/:id', { onRequest: bearer.known, schema: byId }, async (request) =>
    shown(await accounts.byId(Number(request.params.id) as UserId)),
  );
}
