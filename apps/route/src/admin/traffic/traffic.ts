/** `GET /admin/traffic`: sends, deliveries and how long they took, in the last 15 minutes. */
import { type Static, Type } from 'typebox';
import { RareWarning, SEND_OUTCOMES } from '@cim/runtime';
import { timeText } from '../../v1/shapes.ts';
import type { V1App } from '../../v1/v1-app.ts';
import type { AdminParts } from '../admin-parts.ts';
import { adminOperation } from '../admin-shapes.ts';
import { isoTime } from '../named-user.ts';
import { TrafficSamples } from './traffic-samples.ts';

const EVERY_MS = 5_000;
const SAMPLES = 180;

const PercentilesShape = Type.Object({ p50: Type.Number(), p95: Type.Number(), p99: Type.Number() });
const SampleShape = Type.Object({
  at: timeText('end of the interval'),
  seconds: Type.Number({ description: 'its length' }),
  sends: Type.Object(Object.fromEntries(SEND_OUTCOMES.map((outcome) => [outcome, Type.Integer()])), {
    description: 'sends that were answered, by outcome',
  }),
  deliveries: Type.Integer({ description: 'entries written to clients' }),
  refusedConnections: Type.Integer({ description: 'connections that were closed at once' }),
  sessions: Type.Integer({ description: 'at the end' }),
  silent: Type.Integer({ description: 'im-servers that were not counted: no answer, or an older version' }),
  sendMs: Type.Optional({ ...PercentilesShape, description: 'from the arrival of a send to its answer' }),
  deliveryMs: Type.Optional({
    ...PercentilesShape,
    description: 'from storing a message to its acknowledgement by a client that was connected',
  }),
});
const TrafficShape = Type.Object(
  {
    everyMs: Type.Integer({ description: 'length of an interval, about' }),
    items: Type.Array(SampleShape, { description: 'the oldest first' }),
  },
  {
    examples: [
      {
        everyMs: EVERY_MS,
        items: [
          {
            ...{ at: '2026-11-28T12:00:00.000Z', seconds: 5, deliveries: 940, sessions: 20_000, silent: 0 },
            sends: { stored: 512, refused: 3, retry: 0, gap: 0, 'unknown-producer': 0 },
            refusedConnections: 0,
            sendMs: { p50: 1.2, p95: 3.8, p99: 7.4 },
            deliveryMs: { p50: 4.1, p95: 12, p99: 31 },
          },
        ],
      },
    ],
  },
);

/** Asks the im-servers every 5 s as long as the app runs. */
export function addTraffic(app: V1App, { parts }: AdminParts): void {
  const { membership, messaging, traffic: own } = parts;
  const samples = new TrafficSamples(SAMPLES);

  const sample = async (): Promise<void> => {
    const instances = membership.members().flatMap(({ instance }) => instance ?? []);
    const asked = await Promise.all(
      instances.map(async (name) => ({ name, said: await messaging.calls.load(name) })),
    );
    const answered = asked.flatMap(({ name, said }) =>
      'answer' in said ? [{ name, load: said.answer }] : [],
    );
    const counted = answered.flatMap(({ name, load: { traffic } }) =>
      traffic === undefined ? [] : [{ name, traffic }],
    );
    const silent = instances.length - counted.length;
    // Sends that came in over HTTP at this route. An im-server in this process has counted them already.
    if (own !== undefined && !instances.some((name) => messaging.calls.isHere(name)))
      counted.push({ name: 'route' as (typeof instances)[number], traffic: own() });
    const sessions = answered.reduce((sum, { load }) => sum + load.sessions, 0);
    samples.add({ at: Date.now(), counted, sessions, silent });
  };

  const failed = new RareWarning(parts.logger, 'traffic.failed');
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const next = (): void => {
    if (closed) return;
    timer = setTimeout(begin, EVERY_MS);
    timer.unref();
  };
  const begin = (): void =>
    void sample()
      .catch((error: unknown) => failed.due({ err: error }))
      .finally(next);
  app.addHook('onReady', (done) => {
    begin();
    done();
  });
  app.addHook('onClose', (_app, done) => {
    closed = true;
    clearTimeout(timer);
    done();
  });

  const schema = adminOperation(
    {},
    {
      tags: ['servers'],
      summary: 'Show the traffic of the last 15 minutes',
      description:
        'Of all im-servers, and of what came in over HTTP at this route; other routes are not asked. It begins with the start of this route.',
      answers: { 200: TrafficShape },
    },
  );
  app.get(
    '/traffic',
    { schema },
    (): Static<typeof TrafficShape> => ({
      everyMs: EVERY_MS,
      items: samples.samples.map((one) => ({ ...one, at: isoTime(one.at) })),
    }),
  );
}
