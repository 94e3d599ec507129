/**
 * Faults of all kinds in a random order by the seed, while the clocks of the servers are an hour off and
 * jump.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Talk } from './talk.ts';
import { Guest } from './guest.ts';
import { LINKS } from './links.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { Turns } from './turns.ts';
import { World } from './world.ts';

/** Some pauses are longer than the time-out of calls to a server; all are shorter than a lease [ms]. */
const FROZEN_MS = 8_000;
const AWAY_MS = 1_500;
const PAUSE_MS = 500;
/** Rounds between two judgements: fewer messages than a group's log keeps. */
const PAGE = 5;
const SKEW_MS = 3_600_000;

interface Crowd {
  readonly people: number;
  readonly devices: number;
  readonly groups: readonly number[];
  /** Messages, and changes of groups. */
  readonly perSecond: number;
  readonly changes: number;
}

const SMALL: Crowd = { people: 3, devices: 3, groups: [2, 3], perSecond: 150, changes: 4 };
/** 20 groups of 2 to 50 members. */
const LARGE: Crowd = {
  ...{ people: 50, devices: 3, perSecond: 40, changes: 8 },
  groups: Array.from({ length: 20 }, (_, i) => 2 + Math.round((i * 48) / 19)),
};

export const mixed = (options: RunOptions): Promise<Row> =>
  mixedFor(SMALL, 'all kinds mixed, clocks an hour off', options);

/** The same for many people with several devices, with Redis killed and links cut as well. */
export const conversations = (options: RunOptions): Promise<Row> =>
  mixedFor(LARGE, 'devices and groups, all kinds mixed', options);

async function mixedFor(crowd: Crowd, name: string, options: RunOptions): Promise<Row> {
  const { seed, long } = options;
  const rounds = long ? 100 : 2;
  const random = seeded(seed);
  const linked = crowd === LARGE;
  await using world = await World.start({ skewMs: SKEW_MS, linked });
  const people = await world.inviteGroups(crowd, seed, crowd.changes);
  const path = join(tmpdir(), `cim-guest-${process.pid}-${seed}.json`);
  const [first] = people;
  if (first === undefined) throw new Error('nobody was invited');
  // Another device of a person who talks too.
  const whose = { name: first.name, device: 'guest' };
  await using guest = new Guest(whose, world.routeUrl(0), world.lanes, path);
  await guest.start();
  using talk = new Talk(people, { perSecond: crowd.perSecond, turnover: world.turnover });
  talk.start();
  const anyServer = (): number => below(random, world.imServers.length);
  const faults: Readonly<Record<string, () => Promise<unknown>>> = {
    'im-server killed': async () => {
      await world.killImServer(anyServer());
      await world.addImServer();
    },
    'im-server ended in order': async () => {
      await world.killImServer(anyServer(), 'SIGTERM');
      await world.addImServer();
    },
    'route killed': () => world.restartRoute(below(random, world.routes.length)),
    'im-server frozen': async () => {
      const server = world.imServers[anyServer()];
      server?.freeze();
      await sleep(below(random, FROZEN_MS));
      server?.thaw();
    },
    'route frozen': async () => {
      const route = world.routes[below(random, world.routes.length)];
      route?.freeze();
      await sleep(below(random, FROZEN_MS));
      route?.thaw();
    },
    'client killed': async () => {
      await guest.kill();
      await sleep(below(random, AWAY_MS));
      await guest.start();
    },
    'device started anew': () => people[below(random, people.length)]?.restart() ?? Promise.resolve(),
    ...(linked && {
      'Redis killed': async () => {
        await world.redis?.kill();
        await sleep(below(random, AWAY_MS));
        await world.redis?.start();
      },
      'link cut': async () => {
        const proxies = world.links?.of(LINKS[below(random, LINKS.length)] ?? 'client to im-server') ?? [];
        for (const proxy of proxies) proxy.swallow();
        await sleep(below(random, FROZEN_MS));
        for (const proxy of proxies) proxy.heal();
      },
    }),
  };
  const names = Object.keys(faults);
  const turns = new Turns(rounds, options, () => world.tally);
  let made = 0;
  for (let round = turns.take(); round !== undefined; round = turns.take()) {
    for (const name of shuffled(names, random)) {
      if (options.stop.aborted) break;
      turns.say(`round ${round}: ${name}`);
      await faults[name]?.();
      made++;
      await sleep(PAUSE_MS);
    }
    turns.ended();
    if (round % PAGE > 0) continue;
    turns.say('judging');
    talk.stop();
    await world.verdict({}, [guest]);
    talk.start();
  }
  talk.stop();
  const verdict = await world.verdict({}, [guest]);
  const again = people.reduce((sum, person) => sum + person.again.count, guest.again.count);
  return {
    name,
    did: `${turns.made} times each: ${names.join(', ')}`,
    faults: made,
    found: `${figuresOf(verdict)}; ${again} came again to a program that was started anew, with the same id`,
    broken: [
      ...brokenIn(verdict, world.turnover),
      ...(guest.ended === undefined ? [] : [`the client gave up: ${guest.ended}`]),
    ],
  };
}

function shuffled(items: readonly string[], random: () => number): string[] {
  const left = [...items];
  return items.flatMap(() => left.splice(below(random, left.length), 1));
}
