/** Faults of all kinds in an order that the seed chooses, while servers' clocks are an hour off and jump. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Talk } from './crowd.ts';
import { Guest } from './guest.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { Turns } from './turns.ts';
import { World } from './world.ts';

/** Some longer than the calls to a server wait, all shorter than a lease. */
const FROZEN_MS = 8_000;
const AWAY_MS = 1_500;
const PAUSE_MS = 500;
/** Rounds from one judgement to the next: fewer messages than a group's log keeps. */
const PAGE = 5;
const SKEW_MS = 3_600_000;

export async function mixed(options: RunOptions): Promise<Row> {
  const { seed, long } = options;
  const rounds = long ? 100 : 2;
  const random = seeded(seed);
  await using world = await World.start({ skewMs: SKEW_MS });
  const people = await world.invite(8);
  const path = join(tmpdir(), `cim-guest-${process.pid}-${seed}.json`);
  await using guest = new Guest('guest', world.routeUrl(0), path);
  await guest.start();
  for (const person of people) person.know(guest);
  using talk = new Talk(people, { perSecond: 150 });
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
  return {
    name: 'all kinds mixed, clocks an hour off',
    did: `${turns.made} times each: ${names.join(', ')}`,
    faults: made,
    found: `${figuresOf(verdict)}; ${guest.again} came again to a killed client, with the same id`,
    broken: [
      ...brokenIn(verdict),
      ...(guest.ended === undefined ? [] : [`the client gave up: ${guest.ended}`]),
    ],
  };
}

function shuffled(items: readonly string[], random: () => number): string[] {
  const left = [...items];
  return items.flatMap(() => left.splice(below(random, left.length), 1));
}
