/** `GET /admin/servers`: the im-servers with load and age, this route, registry, store, and what is wrong. */
import { loggedHost } from '@cim/outcall';
import { RecentLoad, VERSION } from '@cim/runtime';
import type { Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, unknownText } from './admin-shapes.ts';
import { isoTime } from './named-user.ts';
import { type FailingWebhook, wrongOf, WrongShape } from './wrong.ts';

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
    registry: Type.Object({
      description: Type.String({ description: 'for people' }),
      connected: Type.Boolean(),
      problem: Type.Optional(Type.String()),
    }),
    store: Type.Object({
      description: Type.String({ description: 'for people' }),
      engine: oneOf(['redis', 'embedded'], 'where messages are stored'),
      durability: oneOf(['disk', 'quorum', 'fast'], 'when a message counts as stored (CIM_DURABILITY)'),
      problem: Type.Optional(Type.String({ description: 'there while it takes no messages: why' })),
    }),
    wrong: Type.Array(WrongShape, { description: 'what is wrong, the worst first; empty: nothing' }),
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
        registry: { description: 'zookeeper 10.0.0.2:2181', connected: true },
        store: { description: 'redis 10.0.0.3:6379', engine: 'redis', durability: 'disk' },
        wrong: [],
      },
    ],
  },
);

const whole = <L extends { readonly loopDelayMs: number }>(load: L): L => ({
  ...load,
  loopDelayMs: Math.round(load.loopDelayMs),
});

export function addServers(app: V1App, { parts }: AdminParts): void {
  const { membership, messaging, store, load = new RecentLoad() } = parts;
  const schema = adminOperation(
    {},
    {
      tags: ['servers'],
      summary: 'List the im-servers with load and age, and what is wrong',
      description: 'Every im-server is asked. One that does not answer within 2 s is listed with the reason.',
      answers: { 200: Servers },
    },
  );
  app.get('/servers', { schema }, async (): Promise<Static<typeof Servers>> => {
    const servers = membership
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
    const [items, storeProblem] = await Promise.all([Promise.all(servers), problemOf(store)]);
    const { description, connected, problem } = membership;
    const { engine, durability } = store.state();
    const facts = {
      items,
      route: {
        version: VERSION,
        startedAt: isoTime(Date.now() - process.uptime() * 1_000),
        load: whole(load.load),
      },
      registry: { description, connected, ...(problem !== undefined && { problem }) },
      store: {
        ...{ description: store.description, engine, durability },
        ...(storeProblem !== undefined && { problem: storeProblem }),
      },
    };
    // The part of the store that has the webhooks may be away alone. All else is told then too.
    const webhooks =
      storeProblem === undefined
        ? await failingWebhooks(store).catch((error: unknown) => ({ unknown: messageOf(error) }))
        : [];
    return { ...facts, wrong: wrongOf({ ...facts, webhooks }) };
  });
}

const problemOf = (store: Pick<Store, 'ping'>): Promise<string | undefined> =>
  store.ping().then(() => undefined, messageOf);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function failingWebhooks({ webhooks }: Pick<Store, 'webhooks'>): Promise<readonly FailingWebhook[]> {
  const [{ items }, health] = await Promise.all([webhooks.list(), webhooks.health()]);
  return items.flatMap(({ id, url, off }) => {
    const { failingSince, problem = '' } = health.get(id) ?? {};
    if (failingSince === undefined || off !== undefined) return [];
    return [{ name: `${id} (${loggedHost(url)})`, failingSince: isoTime(failingSince), problem }];
  });
}

const asField = (asked: Awaited<ReturnType<AdminParts['parts']['messaging']['calls']['load']>>) =>
  'answer' in asked ? { load: whole(asked.answer) } : asked;
