/**
 * Runs with deliberate bugs, each of which the checker must find; and runs without, in which it must find
 * nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Mutant, mutants } from './bugs.ts';
import type { Finding } from './finding.ts';
import { Talk } from './talk.ts';
import type { Row, RunOptions } from './row.ts';
import { SmallWorld } from './small-world.ts';
import { sideBySide, Turns } from './turns.ts';

const CROWD = { people: 3, devices: 2, groups: [2, 3] };
const MESSAGES = 400;
/** On a busy machine fewer changes happen. Then people talk on until this many members were muted, */
const MUTES = 2;
/** or at most for this long [ms]. */
const MOST_MS = 20_000;
const SETTLE_MS = 4_000;
/** Without a bug every stored message is shown, however busy the machine is. */
const SETTLE_SOUND_MS = 60_000;
/** Worlds at once, since most of their time is waiting. */
const LANES = 3;
/** How long a device is away [ms]. */
const AWAY_MS = 300;

async function found({
  spoil,
  spoilGroups,
  late,
  still = false,
}: Partial<Mutant>): Promise<readonly Finding[]> {
  await using world = await SmallWorld.start((store) => ({
    ...store,
    streams: spoil?.(store.streams) ?? store.streams,
    groups: spoilGroups?.(store.groups) ?? store.groups,
  }));
  const people = await world.invite(CROWD, late);
  using talk = new Talk(people, { perSecond: 400, turnover: world.turnover });
  const deadline = performance.now() + MOST_MS;
  talk.start();
  // A device that comes back reads the log; between these times all devices get pushes.
  const enough = (): boolean =>
    talk.said >= MESSAGES && ((world.turnover?.mutes ?? MUTES) >= MUTES || performance.now() >= deadline);
  for (let turn = 1; !enough(); turn++) {
    await sleep(250);
    if (still) continue;
    // A device acks before it leaves: until its first ack the servers do not know its position.
    await people[turn % people.length]?.restart(AWAY_MS);
    world.link.cut();
  }
  talk.stop();
  const isSound = spoil === undefined && spoilGroups === undefined;
  const { findings } = await world.verdict(isSound ? SETTLE_SOUND_MS : SETTLE_MS);
  return findings;
}

export async function checkerMutants(options: RunOptions): Promise<Row> {
  const broken: string[] = [];
  let caught = 0;
  const turns = new Turns(mutants.length + 1, options);
  await sideBySide(LANES, async () => {
    for (let turn = turns.take(); turn !== undefined; turn = turns.take()) {
      const mutant = mutants[turn - 1];
      turns.say(mutant?.bug ?? 'without a bug');
      const findings = await found(mutant ?? {});
      const faults = [...new Set(findings.map(({ fault }) => fault))];
      turns.ended();
      if (mutant === undefined) {
        const some = findings.slice(0, 5).map(({ fault, person, text }) => `${fault}: ${person} ${text}`);
        if (some.length > 0) broken.push(`alarms without a bug: ${some.join(', ')}`);
      } else if (mutant.faults.some((fault) => faults.includes(fault))) caught++;
      else broken.push(`"${mutant.bug}" was not caught; found: ${faults.join(', ') || 'nothing'}`);
    }
  });
  return {
    name: "the checker's mutants",
    did: `${mutants.length} bugs, and a run without`,
    faults: 0,
    found: `mutants ${caught} of ${mutants.length}`,
    broken,
  };
}
