/** One process on the embedded store, killed, ended and frozen again and again while people with several devices talk in groups. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '@cim/runtime';
import { openEmbeddedStore } from '@cim/store';
import { freePorts, Parts, ServerProcess } from '@cim/testkit';
import { askAll } from './asking.ts';
import { Person } from './crowd.ts';
import type { LogItem } from './journal.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { Talk } from './talk.ts';
import { Turnover } from './turnover.ts';
import { Turns } from './turns.ts';
import { Carried, judge, logsIn } from './verdict.ts';

const SMALL = { people: 3, devices: 3, groups: [2, 3], perSecond: 150, changes: 4, rounds: 2 };
/** 20 groups of 2 to 50 members; fewer messages than a group's log keeps. */
const LARGE = {
  ...{ people: 50, devices: 3, perSecond: 40, changes: 8, rounds: 100 },
  groups: Array.from({ length: 20 }, (_, i) => 2 + Math.round((i * 48) / 19)),
};
const FROZEN_MS = 8_000;
const PAUSE_MS = 1_500;
const SETTLE_MS = 60_000;
/** Longer waits tell what is lost from what is late [ms]. */
const LATE_MS = 60_000;
const HISTORIES = 3;

export async function embeddedKills(options: RunOptions): Promise<Row> {
  const { seed, long, stop } = options;
  const crowd = long ? LARGE : SMALL;
  const random = seeded(seed);
  const dir = await mkdtemp(join(tmpdir(), 'cim-embedded-kills-'));
  await using parts = new Parts();
  parts.onDown(() => rm(dir, { recursive: true, force: true }));
  const [route = 0, internal = 0, tcp = 0, http = 0] = await freePorts(4);
  const start = (): Promise<ServerProcess> =>
    ServerProcess.start('standalone', {
      ...{ CIM_DATA_DIR: dir, CIM_SESSION_POLICY: 'devices', CIM_LOG_LEVEL: 'warn' },
      ...{ CIM_ROUTE_PORT: String(route), CIM_ROUTE_INTERNAL_PORT: String(internal) },
      ...{ CIM_TCP_PORT: String(tcp), CIM_HTTP_PORT: String(http) },
    });
  let server = await start();
  parts.onDown(() => server.end());

  const lanes = new Map([['globby', 'lobby']]);
  const people = Array.from({ length: crowd.people }, (_, i) =>
    Array.from(
      { length: crowd.devices },
      (__, j) => new Person(`p${i}`, `http://127.0.0.1:${route}`, lanes, { device: String(j + 1) }),
    ),
  ).flat();
  parts.onDown(() => Promise.all(people.map(({ client }) => client.close())).then(() => undefined));
  for (const person of people) {
    await person.client.connect();
    lanes.set(`u${person.id}`, person.name);
  }
  for (const person of people) person.meet(people);
  const turnover = await Turnover.begin(people, {
    ...{ lanes, sizes: crowd.groups, random: seeded(seed + 1), perSecond: crowd.changes },
  });
  parts.onDown(() => turnover.giveUp());
  using talk = new Talk(people, { perSecond: crowd.perSecond, turnover });
  talk.start();

  const faults: Readonly<Record<string, () => Promise<unknown>>> = {
    killed: () => server.end(),
    'ended in order': () => server.end('SIGTERM'),
    frozen: async () => {
      server.freeze();
      await sleep(below(random, FROZEN_MS));
      server.thaw();
    },
  };
  const tally = () => {
    const entries = people.flatMap((person) => person.entries);
    const count = (did: 'sent' | 'shown'): number => entries.filter((entry) => entry.did === did).length;
    return { sent: count('sent'), shown: count('shown') };
  };
  const turns = new Turns(crowd.rounds, options, tally);
  let made = 0;
  for (let round = turns.take(); round !== undefined; round = turns.take()) {
    for (const [name, fault] of Object.entries(faults)) {
      if (stop.aborted) break;
      turns.say(`round ${round}: ${name}`);
      await fault();
      if (server.ended) server = await start();
      made++;
      await sleep(PAUSE_MS);
    }
    turns.ended();
  }
  talk.stop();
  turns.say('judging');
  const carried = new Carried();
  /** The store is one process's alone: the server is away meanwhile. */
  const stored = async (): Promise<Map<string, LogItem[]>> => {
    await server.end('SIGTERM');
    const store = await openEmbeddedStore({ dir, logger: silentLogger() });
    const logs = await logsIn(store, people, lanes).finally(() => store.stop());
    server = await start();
    return logs;
  };
  const one = people.filter(({ device }) => device === '1');
  const asking = { lanes, before: carried.before, random: seeded(seed + 2), histories: HISTORIES };
  const ask = () => askAll(one, asking);
  const verdict = await judge([...people, turnover], {
    carried,
    settleMs: SETTLE_MS,
    lateMs: LATE_MS,
    stored,
    ask,
  });
  return {
    name: 'devices and groups, one process on the embedded store',
    did: `${turns.made} times each: ${Object.keys(faults).join(', ')}`,
    faults: made,
    found: figuresOf(verdict),
    broken: brokenIn(verdict, turnover),
  };
}
