import type { Percentiles, Traffic, TrafficSample } from '../answers.ts';
import { useAsked } from '../asking.ts';
import { count, milliseconds, rate } from '../figures.ts';
import { Chart, type Line } from './chart.tsx';
import { Problem, Section } from './parts.tsx';

export const perSecond = (value: number): string => `${rate(value)}/s`;

/** What went through the cluster in the last 15 minutes. */
export function TrafficView() {
  const { answer, problem } = useAsked<Traffic>('/traffic', answerEvery);
  const items = answer?.items ?? [];
  const times = items.map(({ at }) => Date.parse(at));
  const silent = items.at(-1)?.silent ?? 0;
  return (
    <>
      <Problem text={problem} />
      {answer !== undefined && items.length === 0 && (
        <Section title="Traffic">
          <p class="quiet">
            The first figures come {Math.ceil(answer.everyMs / 1_000)} s after the start of the route.
          </p>
        </Section>
      )}
      {items.length > 0 && (
        <div class="grid charts">
          <Chart title="Messages" times={times} lines={messages(items)} show={perSecond} />
          <Chart title="Refusals" times={times} lines={refusals(items)} show={perSecond} />
          <Chart
            title="Send to receipt"
            times={times}
            lines={percentiles(items.map(({ sendMs }) => sendMs))}
            show={milliseconds}
          />
          <Chart
            title="Stored to acknowledged"
            times={times}
            lines={percentiles(items.map(({ deliveryMs }) => deliveryMs))}
            show={milliseconds}
          />
          <Chart
            title="Sessions"
            times={times}
            lines={[{ name: 'sessions', values: items.map(({ sessions }) => sessions) }]}
            show={count}
          />
        </div>
      )}
      <p class="quiet">
        Of all im-servers, and of what came in over HTTP at this route; other routes are not asked.
        {silent > 0 && ` ${count(silent)} im-servers did not answer, or are of an older version.`} Longer
        histories: <code>deploy/grafana</code>.
      </p>
    </>
  );
}

const answerEvery = 5_000;

const by = (items: readonly TrafficSample[], of: (sample: TrafficSample) => number): number[] =>
  items.map((sample) => of(sample) / sample.seconds);

const messages = (items: readonly TrafficSample[]): Line[] => [
  { name: 'stored', values: by(items, ({ sends }) => sends.stored) },
  { name: 'delivered to devices', values: by(items, ({ deliveries }) => deliveries) },
];

const refusals = (items: readonly TrafficSample[]): Line[] => [
  { name: 'sends refused', values: by(items, ({ sends }) => sends.refused) },
  { name: 'sends to be repeated', values: by(items, ({ sends }) => sends.retry) },
  { name: 'connections refused', values: by(items, ({ refusedConnections }) => refusedConnections) },
];

const percentiles = (values: readonly (Percentiles | undefined)[]): Line[] =>
  (['p50', 'p95', 'p99'] as const).map((name) => ({
    name,
    values: values.map((one) => one?.[name] ?? null),
  }));
