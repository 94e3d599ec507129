/** ZooKeeper killed, hung, and its sessions expired, while people talk and come and go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@cim/testkit';
import { Talk } from './crowd.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { World } from './world.ts';

/** What the servers ask ZooKeeper for, in ms. */
const SESSION_TIMEOUT_MS = 10_000;
const LISTED_WITHIN_MS = SESSION_TIMEOUT_MS + 5_000;

export async function zooKeeperFaults({ long, say }: RunOptions): Promise<Row> {
  const times = long ? 30 : 1;
  await using world = await World.start();
  const people = await world.invite(8);
  const talk = new Talk(people, { perSecond: 200 });
  talk.start();
  const faults: Record<string, () => Promise<void>> = {
    killed: async () => {
      await world.zooKeeper.kill();
      await sleep(3_000);
      await world.zooKeeper.start();
    },
    hung: async () => {
      world.zooKeeper.hang();
      await sleep(SESSION_TIMEOUT_MS / 2);
      world.zooKeeper.resume();
    },
    // What it does not hear for so long it drops, whoever was to blame.
    expired: async () => {
      world.zooKeeper.hang();
      await sleep(SESSION_TIMEOUT_MS * 1.5);
      world.zooKeeper.resume();
    },
    'wiped and started anew': async () => {
      await world.zooKeeper.kill();
      await world.zooKeeper.wipe();
      await world.zooKeeper.start();
    },
  };
  const listed: number[] = [];
  let came = 0;
  for (let time = 1; time <= times; time++)
    for (const [name, fault] of Object.entries(faults)) {
      say(`${name}, time ${time} of ${times}`);
      const during = fault();
      // Somebody comes in the middle of it.
      const guest = `guest${came++}`;
      const [person] = await world.invite(1, guest);
      await during;
      const begun = performance.now();
      await until('ZooKeeper lists all', () => inZooKeeper(world), LISTED_WITHIN_MS * 2);
      listed.push(performance.now() - begun);
      if (person !== undefined) person.stayed = false;
      await person?.client.logout();
    }
  talk.stop();
  const verdict = await world.verdict();
  const latest = Math.max(...listed);
  return {
    name: 'ZooKeeper down, hung, expired, wiped',
    did: `${times} each, a login in the middle of each`,
    found: `${figuresOf(verdict)}; all listed again at most ${(latest / 1000).toFixed(1)} s after`,
    broken: [
      ...brokenIn(verdict),
      ...(latest > LISTED_WITHIN_MS ? [`listed again only after ${latest.toFixed(0)} ms`] : []),
    ],
  };
}

/** In ZooKeeper itself: the routes go on from the list of before. */
async function inZooKeeper({ zooKeeper, imServers }: World): Promise<boolean> {
  const dump = await zooKeeper.ask('dump').catch(() => '');
  return imServers.every(({ tcpPort, httpPort }) => dump.includes(`/cim/127.0.0.1:${tcpPort}:${httpPort}`));
}
