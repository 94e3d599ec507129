/** Kills im-servers one after another while everybody talks. */
import { until } from '@cim/testkit';
import { Talk } from './talk.ts';
import { below, seeded } from './random.ts';
import { at, brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { Turns } from './turns.ts';
import { type Wire, withWire } from './wire.ts';
import { World } from './world.ts';

const CROWD = { people: 3, devices: 3, groups: [2, 3] };
const LOGIN_P99_MS = 2_000;
const SAID_MS = 120_000;
/** Kills between two judgements: fewer messages than a group's log keeps. */
const PAGE = 5;

export const serverKills = (options: RunOptions): Promise<Row> =>
  killServers(options, options.long ? { kills: 200, messages: 1_000_000 } : { kills: 15, messages: 12_000 });

/** The fewest kills that still show that clients come back over this wire without a loss. */
export const fewServerKills =
  (wire: Wire) =>
  (options: RunOptions): Promise<Row> =>
    withWire(wire, async () => {
      const row = await killServers(options, { kills: 3, messages: 1_500 });
      return { ...row, name: `${row.name} over ${wire}` };
    });

async function killServers(
  options: RunOptions,
  { kills, messages }: { readonly kills: number; readonly messages: number },
): Promise<Row> {
  const { seed } = options;
  const random = seeded(seed);
  await using world = await World.start();
  const people = await world.inviteGroups(CROWD, seed);
  using talk = new Talk(people, { perSecond: 600, upTo: messages, turnover: world.turnover });
  const turns = new Turns(kills, options, () => world.tally);
  const said = (count: number): Promise<void> =>
    until(`${count} messages are said`, () => talk.said >= count, SAID_MS);
  talk.start();
  for (let kill = turns.take(); kill !== undefined; kill = turns.take()) {
    turns.say(`kill ${kill}`);
    await said((messages * kill) / (kills + 1));
    // Some servers stop in order, as in a deployment.
    const signal = kill % 5 === 0 ? 'SIGTERM' : 'SIGKILL';
    await world.killImServer(below(random, world.imServers.length), signal);
    await world.addImServer();
    turns.ended();
    if (kill % PAGE > 0) continue;
    turns.say(`judging after kill ${kill}`);
    talk.stop();
    await world.verdict();
    talk.start();
  }
  if (!options.stop.aborted) await said(messages);
  talk.stop();
  const verdict = await world.verdict();
  const p99 = at(verdict.logins, 0.99);
  return {
    name: 'im-server kills',
    did: `${talk.said} messages, ${turns.made} kills`,
    faults: turns.made,
    found: `${figuresOf(verdict)}; login again p50 ${at(verdict.logins, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (${verdict.logins.length})`,
    broken: [
      ...brokenIn(verdict, world.turnover),
      ...(p99 > LOGIN_P99_MS ? [`login again p99 ${p99.toFixed(0)} ms`] : []),
    ],
  };
}
