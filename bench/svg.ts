/** Draws a report as two pictures in one file: latency over time, and the distribution of the latencies. */
import { Histogram } from './histogram.ts';
import type { Report, SecondFigures } from './report.ts';

const WIDTH = 900;
const PLOT_HEIGHT = 260;
const LEFT = 70;
const RIGHT = 20;
const TOP = 60;
const GAP = 90;
const HEIGHT = TOP + PLOT_HEIGHT + GAP + PLOT_HEIGHT + 60;
const COLOURS = {
  p50: '#2a7ab0',
  p99: '#d9822b',
  max: '#b0b0b0',
  bar: '#2a7ab0',
  grid: '#e4e4e4',
  text: '#333',
};

export function drawReport(report: Report): string {
  const histogram = new Histogram();
  histogram.add(report.histogram);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12" fill="${COLOURS.text}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 22, `${report.workload}: ${report.load}`, 'font-size="15" font-weight="bold"'),
    text(LEFT, 40, `${report.target}; ${report.machine}; ${report.at}`),
    ...overTime(report.seconds),
    ...distribution(histogram),
    '</svg>',
    '',
  ].join('\n');
}

/** Latencies in ms on a logarithmic axis, from 0.1 ms to the next power of ten above the highest. */
function logScale(maxMs: number, from: number, to: number): { at: (ms: number) => number; ticks: number[] } {
  const low = -1;
  const high = Math.max(1, Math.ceil(Math.log10(Math.max(maxMs, 1))));
  const at = (ms: number): number =>
    from + ((Math.log10(Math.max(ms, 0.1)) - low) / (high - low)) * (to - from);
  return { at, ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}

function overTime(seconds: readonly SecondFigures[]): string[] {
  const bottom = TOP + PLOT_HEIGHT;
  const { at: y, ticks } = logScale(Math.max(0, ...seconds.map(({ max }) => max / 1e3)), bottom, TOP);
  const last = Math.max(1, ...seconds.map(({ second }) => second));
  const x = (second: number): number => LEFT + (second / last) * (WIDTH - LEFT - RIGHT);
  const line = (name: 'p50' | 'p99' | 'max'): string =>
    `<polyline fill="none" stroke="${COLOURS[name]}" stroke-width="2" points="${seconds
      .map((one) => `${x(one.second).toFixed(1)},${y(one[name] / 1e3).toFixed(1)}`)
      .join(' ')}"/>`;
  return [
    ...ticks.flatMap((ms) => [
      rule(LEFT, y(ms), WIDTH - RIGHT, y(ms)),
      text(LEFT - 8, y(ms) + 4, `${ms} ms`, 'text-anchor="end"'),
    ]),
    ...(['max', 'p99', 'p50'] as const).map(line),
    ...(['p50', 'p99', 'max'] as const).map((name, i) =>
      text(LEFT + 8 + i * 50, TOP + 14, name, `fill="${COLOURS[name]}" font-weight="bold"`),
    ),
    text(LEFT, bottom + 18, '0 s'),
    text(WIDTH - RIGHT, bottom + 18, `${last} s`, 'text-anchor="end"'),
    text(WIDTH / 2, bottom + 18, 'latency by the second in which a text was due', 'text-anchor="middle"'),
  ];
}

function distribution(histogram: Histogram): string[] {
  const top = TOP + PLOT_HEIGHT + GAP;
  const bottom = top + PLOT_HEIGHT;
  const { at: x, ticks } = logScale(histogram.max / 1e3, LEFT, WIDTH - RIGHT);
  const highest = ticks.at(-1) ?? 1;
  const limits: number[] = [];
  for (let ms = 0.1; ms <= highest * 1.001; ms *= 10 ** 0.05) limits.push(ms * 1e3);
  const counts = histogram.countsUpTo(limits);
  const most = Math.max(1, ...counts);
  const bars = counts.flatMap((count, i) => {
    if (count === 0) return [];
    const right = x((limits[i] ?? 0) / 1e3);
    const left = i === 0 ? LEFT : x((limits[i - 1] ?? 0) / 1e3);
    const height = Math.max(1, (count / most) * PLOT_HEIGHT);
    return [
      `<rect x="${left.toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${Math.max(1, right - left - 1).toFixed(1)}" height="${height.toFixed(1)}" fill="${COLOURS.bar}"/>`,
    ];
  });
  const quantiles = [0.5, 0.99, 0.999].flatMap((share, i) => {
    const ms = histogram.quantile(share) / 1e3;
    return [
      rule(x(ms), top, x(ms), bottom, COLOURS.p99),
      text(x(ms) + 4, top + 12 + i * 14, `p${share * 100} ${ms.toFixed(2)} ms`),
    ];
  });
  return [
    ...ticks.flatMap((ms) => [
      rule(x(ms), top, x(ms), bottom),
      text(x(ms), bottom + 18, `${ms} ms`, 'text-anchor="middle"'),
    ]),
    ...bars,
    ...(histogram.count === 0 ? [] : quantiles),
    text(WIDTH / 2, bottom + 38, `${histogram.count} latencies`, 'text-anchor="middle"'),
  ];
}

const rule = (x1: number, y1: number, x2: number, y2: number, colour = COLOURS.grid): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${colour}"/>`;

const text = (x: number, y: number, words: string, how = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${how}>${words
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')}</text>`;
