/** Lines over time, drawn by uPlot, with the newest figures beside their names for those who do not see the lines. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

export interface Line {
  readonly name: string;
  /** A value for each time; null: none. */
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** [ms since 1970], ascending. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly show: (value: number) => string;
  /** Without axes and names, for a tile. */
  readonly small?: boolean;
}

const COLOURS = ['--chart1', '--chart2', '--chart3', '--chart4'] as const;
const HEIGHT = 170;
const SMALL_HEIGHT = 44;
const WIDTH = 2;
const AXIS_WIDTH = 64;
const AXIS_HEIGHT = 28;
const LABEL_WIDTH = 80;
/** An axis of a quiet time would zoom into nothing. */
const LEAST_TOP = 1;
const LEAST_SECONDS = 60;

export function Chart({ title, times, lines, show, small = false }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const data = dataOf(times, lines);
  const names = lines.map(({ name }) => name).join();
  useEffect(() => {
    const box = place.current;
    if (box === null) return undefined;
    const draw = (): void => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsOf(box, lines, show, small), data, box);
    };
    draw();
    const watch = new ResizeObserver(() => chart.current?.setSize(sizeOf(box, small)));
    watch.observe(box);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    return () => {
      watch.disconnect();
      dark.removeEventListener('change', draw);
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [names, small]);
  useEffect(() => chart.current?.setData(data), [times, lines]);
  return (
    <figure class={small ? 'chart small' : 'chart'}>
      {!small && (
        <figcaption>
          <h2>{title}</h2>
          <ul>
            {lines.map(({ name, values }, i) => (
              <li key={name}>
                <span class={`dot dot${i + 1}`} /> {name} <strong>{newest(values, show)}</strong>
              </li>
            ))}
          </ul>
        </figcaption>
      )}
      <div ref={place} class="lines-over-time" role="img" aria-label={`${title} over the last minutes`} />
    </figure>
  );
}

const dataOf = (times: readonly number[], lines: readonly Line[]): uPlot.AlignedData => [
  times.map((ms) => ms / 1_000),
  ...lines.map(({ values }) => [...values]),
];

function newest(values: readonly (number | null)[], show: (value: number) => string): string {
  const value = values.at(-1) ?? null;
  return value === null ? '–' : show(value);
}

const sizeOf = (box: HTMLElement, small: boolean): { width: number; height: number } => ({
  width: Math.max(1, box.clientWidth),
  height: small ? SMALL_HEIGHT : HEIGHT,
});

function optionsOf(
  box: HTMLElement,
  lines: readonly Line[],
  show: (value: number) => string,
  small: boolean,
): uPlot.Options {
  const style = getComputedStyle(box);
  const colour = (name: string): string => style.getPropertyValue(name);
  const grid = { stroke: colour('--line'), width: 1 };
  const axis = { stroke: colour('--quiet'), grid, ticks: { show: false } };
  return {
    ...sizeOf(box, small),
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_chart, first, last) => [small ? first : Math.min(first, last - LEAST_SECONDS), last] },
      y: { range: (_chart, _least, most) => [0, Math.max(LEAST_TOP, most * 1.1)] },
    },
    axes: small
      ? [{ show: false }, { show: false }]
      : [
          { ...axis, size: AXIS_HEIGHT, space: LABEL_WIDTH, values: (_chart, at) => at.map(timeText) },
          { ...axis, size: AXIS_WIDTH, values: (_chart, values) => values.map(show) },
        ],
    series: [
      {},
      ...lines.map(({ name }, i) => {
        const stroke = colour(COLOURS[i % COLOURS.length] ?? COLOURS[0]);
        const fill = lines.length === 1 ? { fill: `${stroke}22` } : {};
        return { label: name, stroke, width: WIDTH, spanGaps: true, points: { show: false }, ...fill };
      }),
    ],
  };
}

/** @param at [s since 1970] */
const timeText = (at: number): string => {
  const time = new Date(at * 1_000);
  const seconds = time.getSeconds() === 0 ? {} : ({ second: '2-digit' } as const);
  return time.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...seconds });
};
