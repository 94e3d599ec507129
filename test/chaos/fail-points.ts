/** Servers that kill themselves at each step of a send: before and after the append, before the push, before the answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@cim/testkit';
import { Talk } from './crowd.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { type SendStep, World } from './world.ts';

const STEPS: readonly SendStep[] = ['append', 'stored', 'push', 'receipt'];
const DIES_WITHIN_MS = 20_000;
const LISTED_MS = 200;
const CHANCE_MS = 2_000;

/** People move to the server that is going to die, because another was killed; then to those that are left. */
export async function serverFailPoints({ seed, long, say }: RunOptions): Promise<Row> {
  const times = long ? 500 : 10;
  const random = seeded(seed);
  await using world = await World.start({ imServers: 2 });
  const people = await world.invite(8);
  const talk = new Talk(people, { perSecond: 200 });
  talk.start();
  for (let time = 1; time <= times; time++)
    for (const step of STEPS) {
      const failing = await world.addImServer({ step, nth: 1 + below(random, 20) });
      // Its node has to come to the routes; those of the dead stay listed until their sessions expire.
      await sleep(LISTED_MS);
      await world.killImServer(0);
      // By chance all have gone to the third: then they lose that one too.
      for (let waited = 0; !failing.ended && waited < CHANCE_MS; waited += 20) await sleep(20);
      const spare = world.imServers.findIndex((server) => server !== failing);
      if (!failing.ended) await world.killImServer(spare);
      await until(`a server dies at ${step}`, () => failing.ended, DIES_WITHIN_MS);
      world.forget(failing);
      while (world.imServers.length < 2) await world.addImServer();
      say(`${step}, time ${time} of ${times}`);
    }
  talk.stop();
  const verdict = await world.verdict();
  return {
    name: 'im-server fail-points',
    did: `killed ${times} times at each of ${STEPS.join(', ')}`,
    found: figuresOf(verdict),
    broken: brokenIn(verdict),
  };
}

/** Callers over HTTP repeat at the other route what was not answered, under the same key. */
export async function routeFailPoints({ seed, long, say }: RunOptions): Promise<Row> {
  const times = long ? 500 : 10;
  const random = seeded(seed);
  await using world = await World.start({ imServers: 2 });
  await world.invite(4);
  const writers = await world.inviteWriters(6);
  for (const writer of writers) writer.start();
  for (let time = 1; time <= times; time++)
    for (const step of STEPS) {
      const at = time % 2;
      await world.restartRoute(at, { step, nth: 1 + below(random, 20) });
      await until(`a route dies at ${step}`, () => world.routes[at]?.ended === true, DIES_WITHIN_MS);
      await world.restartRoute(at);
      say(`${step}, time ${time} of ${times}`);
      await sleep(20);
    }
  await Promise.all(writers.map((writer) => writer.stop()));
  const verdict = await world.verdict();
  const repeated = writers.reduce((sum, writer) => sum + writer.repeated, 0);
  return {
    name: 'route kills, lost answers',
    did: `killed ${times} times at each of ${STEPS.join(', ')}`,
    found: `${figuresOf(verdict)}; ${repeated} tries without an answer`,
    broken: [...brokenIn(verdict), ...(repeated === 0 ? ['no answer was lost: nothing was shown'] : [])],
  };
}
