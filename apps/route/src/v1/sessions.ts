import { CimError, DEFAULT_DEVICE, type DeviceId, type UserId } from '@cim/protocol';
import { type Static, Type } from 'typebox';
import type { Login } from '../login.ts';
import type { RouteParts } from '../route-parts.ts';
import { asCredentials } from './problems.ts';
import type { Bearer } from './bearer.ts';
import { deviceText, documented, NamedUserShape, timeText, tokenText, userIdText } from './shapes.ts';
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
    token: Type.Optional(tokenText),
    device: Type.Optional(deviceText('the installation that logs in; without it `default`')),
    label: Type.Optional(
      Type.String({ description: 'what its user calls the device, at most 64 characters' }),
    ),
    session: Type.Optional(
      Type.String({
        maxLength: 256,
        description: 'secret of the session that this one replaces; it stands for the password',
      }),
    ),
  },
  {
    examples: [
      { name: 'alice', password: 'correct horse', device: 'Zk3v0nT1bq8sYw2A', label: 'phone' },
      { id: '1001' },
      { token: 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl', device: 'Zk3v0nT1bq8sYw2A' },
    ],
  },
);
const DeviceShape = Type.Object(
  {
    device: Type.String(),
    label: Type.String({ description: "what its user calls it; '' for nothing" }),
    online: Type.Boolean({ description: 'whether it is connected' }),
    seenAt: timeText('when it logged in or left last'),
    createdAt: timeText(
      'when its login showed a password or a token; logins that showed a secret do not count',
    ),
    expiresAt: timeText('when it ends, whatever it does'),
    current: Type.Boolean({ description: 'the one whose secret this request shows' }),
  },
  {
    examples: [
      {
        device: 'Zk3v0nT1bq8sYw2A',
        label: 'phone',
        online: true,
        seenAt: '2026-11-28T12:00:00.000Z',
        createdAt: '2026-11-27T08:00:00.000Z',
        expiresAt: '2026-12-27T08:00:00.000Z',
        current: true,
      },
    ],
  },
);
const DeviceList = Type.Object({ items: Type.Array(DeviceShape) });
const tags = ['sessions'];

const SessionShape = Type.Object({
  secret: Type.String({ description: 'show it as `Authorization: Bearer <secret>`; a logout ends it' }),
  ticket: Type.String({ description: 'the client connects with it to `address` within 20 s' }),
  user: NamedUserShape,
  device: Type.String(),
  epoch: Type.Integer({ description: 'grows with each login of the user' }),
  address: Type.Object({
    host: Type.String(),
    port: Type.Integer(),
    url: Type.Optional(
      Type.String({
        description:
          'one address of all im-servers, such as wss://chat.example.com/cim; use it in place of host and port',
      }),
    ),
    tls: Type.Optional(Type.Boolean({ description: 'connect with TLS; the certificate must be for `host`' })),
  }),
});

const DAY_MS = 24 * 3_600_000;
const isoTime = (ms: number): string => new Date(ms).toISOString();

export function addSessions(
  v1: V1App,
  bearer: Bearer,
  { config, store }: Pick<RouteParts, 'config' | 'store'>,
  login: Login,
): void {
  const { accounts, sessions } = store;
  const create = documented(
    { body: NewSession },
    {
      tags,
      summary: 'Log in',
      description: 'Under CIM_AUTH=open an account without a password logs in without one.',
      answers: { 201: SessionShape },
      problems: [401, 409, 429],
      open: true,
    },
  );
  v1.post('/sessions', { schema: create }, async (request, reply): Promise<Static<typeof SessionShape>> => {
    const { name, id, password, token, session, device = DEFAULT_DEVICE, label = '' } = request.body;
    if ([name, id, token].filter((given) => given !== undefined).length !== 1)
      throw new CimError('invalid', 'give the name or the id of the account, or a token, one of them');
    const account = await (token !== undefined
      ? asCredentials(login.accountOf(token, request.clientAddress))
      : name === undefined
        ? accounts.byId(Number(id) as UserId)
        : accounts.byName(name));
    if (account === undefined) return asCredentials(login.refuseUnknown(password, request.clientAddress));
    const { userId, userName } = account;
    const proof = { password: password ?? null, token: token ?? null, session: session ?? null };
    const placed = await asCredentials(
      login.login({ userId, userName, ...proof, device, label, wire: 2 }, request.clientAddress, request.id),
    );
    const { ip, cimServerPort, url, ticket = '', session: secret = '', epoch = 0, tls } = placed;
    void reply.code(201);
    return {
      secret,
      ticket,
      user: { id: String(userId), name: (token && (await accounts.byId(userId))?.userName) ?? userName },
      device,
      epoch,
      address: { host: ip, port: cimServerPort, ...(url !== undefined && { url }), ...(tls && { tls }) },
    };
  });

  const list = documented(
    {},
    {
      tags,
      summary: 'List the own devices',
      description: 'The newest login first.',
      answers: { 200: DeviceList },
    },
  );
  v1.get(
    '/sessions',
    { onRequest: bearer.acts(), schema: list },
    async (request): Promise<Static<typeof DeviceList>> => {
      const actor = bearer.actor(request);
      const [own, live] = await Promise.all([sessions.find(actor.userId), sessions.locate(actor.userId)]);
      return {
        items: own.map(({ device, label, seenAt, createdAt }) => ({
          ...{ device, label, current: device === actor.session?.device },
          online: live.some((at) => at.device === device),
          ...{ seenAt: isoTime(seenAt), createdAt: isoTime(createdAt) },
          expiresAt: isoTime(createdAt + config.sessionDays * DAY_MS),
        })),
      };
    },
  );

  const end = documented(
    { params: Type.Object({ device: deviceText('whose session ends') }) },
    {
      tags,
      summary: 'End the session of a device',
      description: 'Its secrets open nothing afterwards, and its channel closes. The own device: a logout.',
      answers: { 204: null },
      problems: [404],
    },
  );
  v1.delete('/sessions/:device', { onRequest: bearer.acts(), schema: end }, async (request, reply) => {
    const { userId, session } = bearer.actor(request);
    const device = request.params.device as DeviceId;
    if (session !== undefined && device === session.device)
      await login.logOut(userId, { secretHash: session.secretHash });
    else if ((await sessions.find(userId)).some((session) => session.device === device))
      await login.logOut(userId, { device });
    else throw new CimError('unknownDevice');
    return reply.code(204).send();
  });
}
