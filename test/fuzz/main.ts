/** `npm run fuzz` sends hostile frames and requests to a real server. */
import { parseArgs } from 'node:util';
import type { DoorName } from './door.ts';
import { fuzz } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    door: { type: 'string' },
    long: { type: 'boolean' },
    frames: { type: 'string' },
    lives: { type: 'string' },
    'with-limits': { type: 'boolean' },
  },
});

/** Numbers of frames in CI. */
const SHORT: Readonly<Record<DoorName, number>> = { tcp: 200_000, ws: 200_000, http: 20_000 };
const LONG: Readonly<Record<DoorName, number>> = { tcp: 10_000_000, ws: 10_000_000, http: 10_000_000 };

const isDoor = (name: string): name is DoorName => Object.hasOwn(SHORT, name);
const number = (flag: string, text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${flag} is a whole number`);
  return value;
};
const { door } = values;
if (door !== undefined && !isDoor(door)) throw new Error('--door is tcp, ws or http');
const seed = values.seed === undefined ? Date.now() % 1_000_000 : number('seed', values.seed);
const sizes = values.long === true ? LONG : SHORT;
const size = (name: DoorName): number =>
  values.frames === undefined ? sizes[name] : number('frames', values.frames);
const doors = door === undefined ? (Object.keys(SHORT) as DoorName[]) : [door];
const lives = values.lives?.split(',').map((life) => number('lives', life));
if (lives !== undefined && door === undefined) throw new Error('--lives needs --door');

console.log(`seed ${seed}`);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
process.on('disconnect', () => stop.abort());
const { broken, figures } = await fuzz({
  seed,
  frames: Object.fromEntries(doors.map((name) => [name, size(name)])),
  withLimits: values['with-limits'] === true,
  lives,
  say: (line) => console.log(line),
  stop: stop.signal,
});
for (const line of figures) console.log(line);
console.log(broken.length === 0 ? 'nothing found' : `${broken.length} found`);
process.exit(broken.length === 0 ? 0 : 1);
