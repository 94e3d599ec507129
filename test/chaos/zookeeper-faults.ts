/** Kills and hangs ZooKeeper, and makes its sessions expire, while people talk and come and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@cim/testkit';
import { Talk } from './talk.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { sideBySide, Turns } from './turns.ts';
import { joined } from './verdict.ts';
import { tallyOf, World } from './world.ts';

/** Session timeout that the servers request from ZooKeeper [ms]. */
const SESSION_TIMEOUT_MS = 10_000;
const LISTED_WITHIN_MS = SESSION_TIMEOUT_MS + 5_000;

/** Worlds at once: their faults are waited for, so a long run has several worlds. */
const LANES = 3;

const FAULTS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  killed: async ({ zooKeeper }) => {
    await zooKeeper.kill();
    await sleep(3_000);
    await zooKeeper.start();
  },
  hung: async ({ zooKeeper }) => {
    zooKeeper.hang();
    await sleep(SESSION_TIMEOUT_MS / 2);
    zooKeeper.resume();
  },
  // ZooKeeper drops a session that it has not heard for this long, whoever was to blame.
  expired: async ({ zooKeeper }) => {
    zooKeeper.hang();
    await sleep(SESSION_TIMEOUT_MS * 1.5);
    zooKeeper.resume();
  },
  'wiped and started anew': async ({ zooKeeper }) => {
    await zooKeeper.kill();
    await zooKeeper.wipe();
    await zooKeeper.start();
  },
};

export async function zooKeeperFaults(options: RunOptions): Promise<Row> {
  const kinds = Object.entries(FAULTS);
  const worlds: World[] = [];
  const turns = new Turns((options.long ? 30 : 1) * kinds.length, options, () => tallyOf(worlds));
  const listed: number[] = [];
  const verdicts = await sideBySide(options.long ? LANES : 1, async () => {
    await using world = await World.start();
    worlds.push(world);
    await world.invite(8);
    using talk = new Talk(world.people.slice(), { perSecond: 200 });
    talk.start();
    for (let turn = turns.take(); turn !== undefined; turn = turns.take()) {
      const [name, fault] = kinds[(turn - 1) % kinds.length] ?? ['', () => Promise.resolve()];
      turns.say(name);
      const during = fault(world);
      during.catch(() => undefined); // awaited below, whatever comes first
      // A person comes in the middle of the fault.
      const [person] = await world.invite(1, `guest${turn}x`).finally(() => during);
      turns.say(`listed again after ${name}`);
      const begun = performance.now();
      await until('ZooKeeper lists all', () => inZooKeeper(world), LISTED_WITHIN_MS * 2);
      listed.push(performance.now() - begun);
      if (person !== undefined) person.stayed = false;
      await person?.client.logout();
      turns.ended();
      talk.stop();
      await world.verdict();
      talk.start();
    }
    talk.stop();
    return await world.verdict();
  });
  const verdict = joined(verdicts);
  const latest = Math.max(0, ...listed);
  return {
    name: 'ZooKeeper down, hung, expired, wiped',
    did: `${turns.made} in turn, a login in the middle of each`,
    faults: turns.made,
    found: `${figuresOf(verdict)}; all listed again at most ${(latest / 1000).toFixed(1)} s after`,
    broken: [
      ...brokenIn(verdict),
      ...(latest > LISTED_WITHIN_MS ? [`listed again only after ${latest.toFixed(0)} ms`] : []),
    ],
  };
}

/** Checks ZooKeeper itself, since the routes go on with their last list. */
async function inZooKeeper({ zooKeeper, imServers }: World): Promise<boolean> {
  const dump = await zooKeeper.ask('dump').catch(() => '');
  return imServers.every(({ tcpPort, httpPort }) => dump.includes(`/cim/127.0.0.1:${tcpPort}:${httpPort}`));
}
