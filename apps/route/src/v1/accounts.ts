import { CimError } from '@cim/protocol';
import { type Static, Type } from 'typebox';
import type { Login } from '../login.ts';
import { asCredentials } from './problems.ts';
import { documented, NamedUserShape, tokenText } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const NewAccount = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        description:
          '1 to 32 characters: letters of any script, digits, _ - . A new name must not look like another one.',
      }),
    ),
    token: Type.Optional(tokenText),
    password: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: '8 characters or more' }),
    ),
  },
  { examples: [{ name: 'alice', password: 'correct horse' }] },
);

export function addAccounts(v1: V1App, login: Login): void {
  const schema = documented(
    { body: NewAccount },
    {
      tags: ['accounts'],
      summary: 'Register an account',
      description:
        'A name that exists answers its own account (200), to whoever gives its password. Case is ignored. ' +
        'Under CIM_AUTH=jwt: with the token of a user, whose account is made if there is none.',
      answers: { 200: NamedUserShape, 201: NamedUserShape },
      problems: [401, 429],
      open: true,
    },
  );
  v1.post('/accounts', { schema }, async (request, reply): Promise<Static<typeof NamedUserShape>> => {
    const { name, password, token } = request.body;
    if (name === undefined && token === undefined) throw new CimError('invalid', 'name is missing');
    const { account, created } = await asCredentials(
      login.register(name, password, request.clientAddress, token),
    );
    void reply.code(created ? 201 : 200);
    return { id: String(account.userId), name: account.userName };
  });
}
