import type { Traffic, TrafficSample } from '../answers.ts';
import { useAsked } from '../asking.ts';
import { count, milliseconds } from '../figures.ts';
import { Chart } from './chart.tsx';
import { perSecond } from './traffic.tsx';

const EVERY_MS = 5_000;

interface Tile {
  readonly name: string;
  readonly of: (sample: TrafficSample) => number | null;
  readonly show: (value: number) => string;
}

const TILES: readonly Tile[] = [
  { name: 'Sessions', of: ({ sessions }) => sessions, show: count },
  { name: 'Messages stored', of: ({ sends, seconds }) => sends.stored / seconds, show: perSecond },
  { name: 'Delivered to devices', of: ({ deliveries, seconds }) => deliveries / seconds, show: perSecond },
  { name: 'Delivery, p99', of: ({ deliveryMs }) => deliveryMs?.p99 ?? null, show: milliseconds },
];

/** The four figures that tell most, each with its line over the last 15 minutes. */
export function Tiles() {
  const { answer } = useAsked<Traffic>('/traffic', EVERY_MS);
  const items = answer?.items ?? [];
  const times = items.map(({ at }) => Date.parse(at));
  return (
    <div class="tiles">
      {TILES.map(({ name, of, show }) => {
        const values = items.map(of);
        // A quiet moment has no delivery to measure; the newest one that was measured stands.
        const value = values.filter((one) => one !== null).at(-1);
        return (
          <section key={name} class="tile" aria-label={name}>
            <h2>{name}</h2>
            <p class="value">{value === undefined ? '–' : show(value)}</p>
            {items.length > 1 && (
              <Chart title={name} times={times} lines={[{ name, values }]} show={show} small />
            )}
          </section>
        );
      })}
    </div>
  );
}
