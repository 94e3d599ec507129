/** `/admin/users`: shows the devices of a user and where each is, and the user's blocks; ends sessions. */
import { CimError, type DeviceId, inboxOf } from '@cim/protocol';
import { ANY_INSTANCE } from '@cim/protocol';
import { userSubject } from '@cim/store';
import { type Static, Type } from 'typebox';
import { deviceText, oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import {
  adminOperation,
  type Finding,
  FindingShape,
  NamedUserShape,
  no,
  unknown,
  userParam,
  yes,
} from './admin-shapes.ts';
import { type SeenDevice, seenDevices } from './devices.ts';
import { isoTime, namedUser, nameOf, shownUser } from './named-user.ts';

const DeviceShape = Type.Object({
  device: Type.String(),
  label: Type.String({ description: "what its user calls it; '' for nothing" }),
  state: oneOf(
    ['live', 'issued', 'ended'],
    'by the store: logged in; a login that has not come to its im-server yet; neither',
  ),
  server: Type.Optional(
    Type.String({ description: 'instance of the im-server that holds it, or is to; absent when it ended' }),
  ),
  connected: FindingShape,
  address: Type.Optional(Type.String({ description: 'of the client, by that im-server' })),
  seenAt: timeText('when it logged in or left last'),
  cursor: Type.Optional(
    Type.Integer({ description: 'newest entry of the timeline that it has acknowledged; absent: none yet' }),
  ),
  backlog: Type.Integer({ description: 'entries of the timeline that it has not acknowledged' }),
});
const UserShape = Type.Object(
  {
    ...NamedUserShape.properties,
    suspendedUntil: Type.Optional(timeText('there while the user is suspended')),
    timeline: Type.Object({
      first: Type.Integer({ description: 'oldest entry that is kept' }),
      top: Type.Integer({ description: 'newest entry; 0 for none ever' }),
    }),
    devices: Type.Array(DeviceShape),
  },
  {
    examples: [
      {
        id: '1001',
        name: 'alice',
        timeline: { first: 1, top: 42 },
        devices: [
          {
            device: 'Zk3v0nT1bq8sYw2A',
            label: 'phone',
            state: 'live',
            server: 'q3Zb0nT1bq8sYw2A',
            connected: { is: 'yes' },
            address: '192.0.2.17',
            seenAt: '2026-11-28T12:00:00.000Z',
            cursor: 40,
            backlog: 2,
          },
        ],
      },
    ],
  },
);
const Blocks = Type.Object({ items: Type.Array(NamedUserShape) });
const Kick = Type.Object({ device: Type.Optional(deviceText('whose session ends; without it all devices')) });
const Kicked = Type.Object({
  ended: Type.Array(
    Type.Object({
      device: Type.String(),
      server: Type.String({ description: 'where its channel is closed' }),
    }),
  ),
});
const params = Type.Object({ user: userParam });
const tags = ['users'];

export function addUsers(app: V1App, { parts, audited }: AdminParts): void {
  const { store, messaging } = parts;
  const { sessions, streams, bans, blocks } = store;

  const show = adminOperation(
    { params },
    {
      tags,
      summary: 'Show a user and their devices',
      description:
        'Where each device is by the store and by its im-server, how far it has come, when it was there last.',
      answers: { 200: UserShape },
      problems: [404],
    },
  );
  app.get(
    '/users/:user',
    { schema: show },
    (request): Promise<Static<typeof UserShape>> =>
      audited(request, 'user.show', request.params.user, async () => {
        const user = await namedUser(store, request.params.user);
        const { userId } = user;
        const timeline = inboxOf(userId);
        const [seen, position, highest, banned] = await Promise.all([
          seenDevices([userId], '', sessions, messaging.calls),
          streams.position(timeline),
          streams.highestCursor(userId, timeline),
          bans.list(),
        ]);
        const ban = banned.find(({ subject }) => subject === userSubject(userId));
        const devices = (seen.get(userId) ?? []).map(async (device) => {
          const { session, at } = device;
          const cursor = await streams.cursor(userId, session.device, timeline);
          // A device without a cursor begins at the highest one of its user.
          const acked = Math.max((cursor ?? highest)?.seq ?? 0, position.first - 1);
          const server = session.state === 'ended' ? undefined : (at ?? session).instance;
          const said = device.said !== undefined && 'answer' in device.said ? device.said.answer : undefined;
          return {
            ...{ device: session.device, label: session.label, state: session.state },
            ...(server !== undefined && { server }),
            connected: connectedOf(device),
            ...(said !== undefined && { address: said.address }),
            seenAt: isoTime(session.seenAt),
            ...(cursor !== undefined && { cursor: cursor.seq }),
            backlog: Math.max(position.top - acked, 0),
          };
        });
        return {
          ...shownUser(user),
          ...(ban !== undefined && { suspendedUntil: isoTime(Date.now() + ban.leftMs) }),
          timeline: { first: position.first, top: position.top },
          devices: await Promise.all(devices),
        };
      }),
  );

  const listBlocks = adminOperation(
    { params },
    {
      tags,
      summary: 'List whom a user has blocked',
      description: 'Ascending by id, 1,000 at most.',
      answers: { 200: Blocks },
      problems: [404],
    },
  );
  app.get('/users/:user/blocks', { schema: listBlocks }, (request) =>
    audited(request, 'user.blocks', request.params.user, async () => {
      const { userId } = await namedUser(store, request.params.user);
      const blocked = await blocks.list(userId);
      return {
        items: await Promise.all(
          blocked.map(async (id) => ({ id: String(id), name: await nameOf(store, id) })),
        ),
      };
    }),
  );

  const kick = adminOperation(
    { params, body: Kick },
    {
      tags,
      summary: "End a user's sessions, or that of one device",
      description:
        'As a logout: the secrets of the sessions open nothing afterwards, so that the client has to log in anew. The ' +
        'channels are closed at once; where an im-server is not reached, within 30 s. A user who is not to come back is suspended.',
      answers: { 200: Kicked },
      problems: [404],
    },
  );
  app.post('/users/:user/kick', { schema: kick }, (request): Promise<Static<typeof Kicked>> => {
    const { device } = request.body;
    const target = device === undefined ? request.params.user : `${request.params.user} device ${device}`;
    return audited(request, 'user.kick', target, async () => {
      const { userId } = await namedUser(store, request.params.user);
      if (device !== undefined && !(await sessions.find(userId)).some((one) => one.device === device))
        throw new CimError('unknownDevice', `the user has no device ${device}`);
      const which = device === undefined ? undefined : { device: device as DeviceId };
      const ended = await sessions.end(userId, which);
      for (const at of ended) messaging.calls.kick(userId, at, 'logged-out');
      return { ended: ended.map((at) => ({ device: at.device, server: at.instance })) };
    });
  });
}

function connectedOf({ session, at, said }: SeenDevice): Finding {
  if (session.state === 'issued' && at === undefined)
    return no(
      session.instance === ANY_INSTANCE
        ? 'a login waits for the im-server that the client reaches'
        : 'a login waits for the client to come to its im-server',
    );
  if (said === undefined) return session.state === 'live' ? no('the lease of its im-server has ended') : no();
  if (!('answer' in said)) return unknown(said.unknown);
  return said.answer === undefined ? no('the im-server has no such session, whatever the store says') : yes;
}
