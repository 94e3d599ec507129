/**
 * Servers that kill themselves at each step of a send: before and after the append, before the push, before
 * the answer.
 */
import { until } from '@cim/testkit';
import { Talk } from './talk.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { sideBySide, Turns } from './turns.ts';
import { type SendStep, World } from './world.ts';

const STEPS: readonly SendStep[] = ['append', 'stored', 'push', 'receipt'];
const DIES_WITHIN_MS = 60_000;
/** All of them will die, and each dead one is replaced by another that will. */
const AT_ONCE = 3;
/** A server dies at one of its first sends, of which this is the last. */
const SENDS = 60;
const CROWD = { people: 3, devices: 3, groups: [2, 3] };
/** Deaths between two judgements: fewer messages than a group's log keeps. */
const PAGE = 40;

interface Deaths {
  readonly turns: Turns;
  readonly steps: Record<SendStep, number>;
  /** Starts a server that dies at this step. Answers a function that tells whether it has died. */
  readonly start: (lane: number, step: SendStep, nth: number) => Promise<() => boolean>;
}

/** Runs until this many servers have died. */
async function die(random: () => number, upTo: number, { turns, steps, start }: Deaths): Promise<void> {
  await sideBySide(AT_ONCE, async (lane) => {
    for (let time = turns.take(upTo); time !== undefined; time = turns.take(upTo)) {
      const step = STEPS[time % STEPS.length] ?? 'append';
      turns.say(`a server dies at ${step}`);
      const isDead = await start(lane, step, 1 + below(random, SENDS));
      await until(`a server dies at ${step}`, isDead, DIES_WITHIN_MS);
      steps[step]++;
      turns.ended();
    }
  });
}

const told = (steps: Record<SendStep, number>): string =>
  `killed ${STEPS.map((step) => `${steps[step]} times at ${step}`).join(', ')}`;

/** People move to servers that are going to die, because their own servers have died. */
export async function serverFailPoints(options: RunOptions): Promise<Row> {
  const times = (options.long ? 500 : 10) * STEPS.length;
  const random = seeded(options.seed);
  await using world = await World.start({ imServers: 1 });
  const people = await world.inviteGroups(CROWD, options.seed);
  using talk = new Talk(people, { perSecond: 250, turnover: world.turnover });
  const turns = new Turns(times, options, () => world.tally);
  const steps = { append: 0, stored: 0, push: 0, receipt: 0 };
  const start: Deaths['start'] = async (_, step, nth) => {
    const server = await world.addImServer({ step, nth });
    return () => {
      if (server.ended) world.forget(server);
      return server.ended;
    };
  };
  for (let upTo = PAGE; !turns.over; upTo += PAGE) {
    talk.start();
    const calm = world.imServers[0];
    const dying = die(random, upTo, { turns, steps, start });
    // The one server that stays would soon have all people.
    await Promise.race([dying, until('some can be moved to', () => world.imServers.length > 1)]);
    if (calm !== undefined) await world.killImServer(world.imServers.indexOf(calm));
    await dying;
    await world.addImServer();
    talk.stop();
    turns.say('judging');
    await world.verdict();
  }
  const verdict = await world.verdict();
  return {
    name: 'im-server fail-points',
    did: told(steps),
    faults: turns.made,
    found: figuresOf(verdict),
    broken: brokenIn(verdict, world.turnover),
  };
}

/** Callers over HTTP repeat unanswered requests at the next route, under the same key. */
export async function routeFailPoints(options: RunOptions): Promise<Row> {
  const times = (options.long ? 500 : 10) * STEPS.length;
  const random = seeded(options.seed);
  await using world = await World.start({ imServers: 2, routes: AT_ONCE });
  await world.invite(4);
  const writers = await world.inviteWriters(6);
  const turns = new Turns(times, options, () => world.tally);
  const steps = { append: 0, stored: 0, push: 0, receipt: 0 };
  const start: Deaths['start'] = async (lane, step, nth) => {
    await world.restartRoute(lane, { step, nth });
    return () => world.routes[lane]?.ended === true;
  };
  for (let upTo = PAGE; !turns.over; upTo += PAGE) {
    for (const writer of writers) writer.start();
    await die(random, upTo, { turns, steps, start });
    await sideBySide(AT_ONCE, (lane) => world.restartRoute(lane));
    turns.say('judging');
    await Promise.all(writers.map((writer) => writer.stop()));
    await world.verdict();
  }
  const verdict = await world.verdict();
  const repeated = writers.reduce((sum, writer) => sum + writer.repeated, 0);
  return {
    name: 'route kills, lost answers',
    did: told(steps),
    faults: turns.made,
    found: `${figuresOf(verdict)}; ${repeated} tries without an answer`,
    broken: [...brokenIn(verdict), ...(repeated === 0 ? ['no answer was lost: nothing was shown'] : [])],
  };
}
