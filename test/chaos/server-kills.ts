/** im-servers killed one after another while everybody talks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Talk } from './crowd.ts';
import { below, seeded } from './random.ts';
import { at, brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { World } from './world.ts';

const LOGIN_P99_MS = 2_000;

export async function serverKills({ seed, long, say }: RunOptions): Promise<Row> {
  const kills = long ? 200 : 15;
  const messages = long ? 1_000_000 : 20_000;
  const random = seeded(seed);
  await using world = await World.start();
  const people = await world.invite(12);
  const talk = new Talk(people, { perSecond: 1_000, upTo: messages });
  talk.start();
  for (let kill = 1; kill <= kills; kill++) {
    while (talk.said < (messages * kill) / (kills + 1)) await sleep(20);
    // Now and then one that goes in order, as in a deployment.
    const signal = kill % 5 === 0 ? 'SIGTERM' : 'SIGKILL';
    await world.killImServer(below(random, world.imServers.length), signal);
    await world.addImServer();
    say(`kill ${kill} of ${kills}, ${talk.said} messages`);
  }
  while (!talk.done) await sleep(20);
  talk.stop();
  const verdict = await world.verdict();
  const p99 = at(verdict.logins, 0.99);
  return {
    name: 'im-server kills',
    did: `${messages} messages, ${kills} kills`,
    found: `${figuresOf(verdict)}; login again p50 ${at(verdict.logins, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (${verdict.logins.length})`,
    broken: [...brokenIn(verdict), ...(p99 > LOGIN_P99_MS ? [`login again p99 ${p99.toFixed(0)} ms`] : [])],
  };
}
