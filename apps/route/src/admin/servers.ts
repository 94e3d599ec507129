/** `GET /admin/servers`: lists the im-servers in the registry with their load and age, and this route. */
import { RecentLoad, VERSION } from '@cim/runtime';
import { type Static, Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, unknownText } from './admin-shapes.ts';
import { isoTime } from './named-user.ts';

const LoadShape = {
  cpu: Type.Number({ description: 'CPU time per time, over the last 10 to 20 s; 1 is one core' }),
  loopDelayMs: Type.Integer({ description: 'how late its event loop came at worst, in the same time' }),
  rssBytes: Type.Integer({ description: 'memory' }),
};
const ServerShape = Type.Object({
  instance: Type.Optional(Type.String({ description: "absent: a server of CIM's own" })),
  host: Type.String(),
  tcpPort: Type.Integer(),
  httpPort: Type.Integer(),
  version: Type.Optional(Type.String()),
  startedAt: Type.Optional(timeText('when it was started')),
  moving: Type.Optional(
    oneOf(
      ['drain', 'rebalance'],
      'there while its sessions move to the others, and no login is placed there',
    ),
  ),
  load: Type.Optional(
    Type.Object({
      sessions: Type.Integer(),
      connections: Type.Integer({ description: 'with those that have not logged in' }),
      serving: Type.Boolean({ description: 'whether its lease holds, so that it delivers' }),
      ...LoadShape,
    }),
  ),
  unknown: unknownText,
});
const Servers = Type.Object(
  {
    items: Type.Array(ServerShape),
    route: Type.Object({
      version: Type.String(),
      startedAt: timeText('when this route was started'),
      load: Type.Object(LoadShape),
    }),
    registry: Type.Object({ connected: Type.Boolean(), problem: Type.Optional(Type.String()) }),
  },
  {
    examples: [
      {
        items: [
          {
            instance: 'q3Zb0nT1bq8sYw2A',
            host: '10.0.0.5',
            tcpPort: 11211,
            httpPort: 8081,
            version: '0.1.0',
            startedAt: '2026-11-28T12:00:00.000Z',
            load: {
              sessions: 20_000,
              connections: 20_004,
              serving: true,
              cpu: 0.31,
              loopDelayMs: 12,
              rssBytes: 412_000_000,
            },
          },
        ],
        route: {
          version: '0.1.0',
          startedAt: '2026-11-28T12:00:00.000Z',
          load: { cpu: 0.05, loopDelayMs: 4, rssBytes: 120_000_000 },
        },
        registry: { connected: true },
      },
    ],
  },
);

const whole = <L extends { readonly loopDelayMs: number }>(load: L): L => ({
  ...load,
  loopDelayMs: Math.round(load.loopDelayMs),
});

export function addServers(app: V1App, { parts }: AdminParts): void {
  const { membership, messaging, load = new RecentLoad() } = parts;
  const schema = adminOperation(
    {},
    {
      tags: ['servers'],
      summary: 'List the im-servers with load and age',
      description: 'Every im-server is asked. One that does not answer within 2 s is listed with the reason.',
      answers: { 200: Servers },
    },
  );
  app.get('/servers', { schema }, async (): Promise<Static<typeof Servers>> => {
    const items = membership
      .members()
      .map(async ({ instance, host, tcpPort, httpPort, version, startedAt, moving }) => ({
        ...(instance !== undefined && { instance }),
        ...{ host, tcpPort, httpPort },
        ...(version !== undefined && { version }),
        ...(moving !== undefined && { moving }),
        ...(startedAt !== undefined && { startedAt: isoTime(startedAt) }),
        ...(instance === undefined
          ? { unknown: "a server of CIM's own tells nothing of itself" }
          : asField(await messaging.calls.load(instance))),
      }));
    return {
      items: await Promise.all(items),
      route: {
        version: VERSION,
        startedAt: isoTime(Date.now() - process.uptime() * 1_000),
        load: whole(load.load),
      },
      registry: {
        connected: membership.connected,
        ...(membership.problem !== undefined && { problem: membership.problem }),
      },
    };
  });
}

const asField = (asked: Awaited<ReturnType<AdminParts['parts']['messaging']['calls']['load']>>) =>
  'answer' in asked ? { load: whole(asked.answer) } : asked;
