import { CimError, type UserId } from '@cim/protocol';
import type { Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import type { Login } from '../login.ts';
import { asCredentials, NotAuthorized } from './problems.ts';
import { documented, userIdText } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const NewSession = Type.Object(
  {
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'of the account; or give id' }),
    ),
    id: Type.Optional(userIdText('of the account; or give name')),
    password: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'of an account that has one' }),
    ),
    session: Type.Optional(
      Type.String({
        maxLength: 256,
        description: 'secret of the session that this one replaces; it stands for the password',
      }),
    ),
  },
  { examples: [{ name: 'alice', password: 'correct horse' }] },
);
const SessionShape = Type.Object({
  secret: Type.String({ description: 'show it as `Authorization: Bearer <secret>`; a logout ends it' }),
  ticket: Type.String({ description: 'the client connects with it to `address` within 20 s' }),
  epoch: Type.Integer({ description: 'grows with each login of the user' }),
  address: Type.Object({ host: Type.String(), port: Type.Integer() }),
});

export function addSessions(v1: V1App, { accounts }: Pick<Store, 'accounts'>, login: Login): void {
  const create = documented(
    { body: NewSession },
    {
      tags: ['sessions'],
      summary: 'Log in',
      description: 'Under CIM_AUTH=open an account without a password logs in without one.',
      answers: { 201: SessionShape },
      problems: [401, 409, 429],
      open: true,
    },
  );
  v1.post('/sessions', { schema: create }, async (request, reply): Promise<Static<typeof SessionShape>> => {
    const { name, id, password, session } = request.body;
    if ((name === undefined) === (id === undefined))
      throw new CimError('invalid', 'give the name or the id of the account, one of them');
    const account = await (name === undefined ? accounts.byId(Number(id) as UserId) : accounts.byName(name));
    if (account === undefined) throw new NotAuthorized('there is no such account');
    const { userId, userName } = account;
    const proof = { password: password ?? null, session: session ?? null };
    const placed = await asCredentials(login.login({ userId, userName, ...proof, wire: 2 }));
    const { ip, cimServerPort, ticket = '', session: secret = '', epoch = 0 } = placed;
    void reply.code(201);
    return { secret, ticket, epoch, address: { host: ip, port: cimServerPort } };
  });
}
