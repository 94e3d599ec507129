/**
 * Breaks every link, one after the other; loses pushes; and kills a server between storing a message and its
 * push.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@cim/testkit';
import type { Person } from './crowd.ts';
import { Talk } from './talk.ts';
import { textOf } from './journal.ts';
import type { LinkProxy } from './link-proxy.ts';
import { LINKS } from './links.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { sideBySide, Turns } from './turns.ts';
import { joined } from './verdict.ts';
import { tallyOf, World } from './world.ts';

const HELD_MS = 2_000;
const CALM_MS = 500;
const PUSHES_LOST_MS = 5_000;
const SENDER_GONE_MS = 35_000;

const FAULTS: Readonly<Record<string, (proxy: LinkProxy, some: number) => void>> = {
  down: (proxy) => proxy.down(),
  'black hole': (proxy) => proxy.swallow(),
  'half open': (proxy) => proxy.halfOpen(),
  reset: (proxy) => proxy.reset(),
  'cut in a frame': (proxy, some) => proxy.cutAfter(1 + some),
  slow: (proxy) => proxy.delay(300),
};

const CROWD = { people: 3, devices: 3, groups: [2, 3] };
/** Worlds at once in a long run, since most of its time is waiting. */
const LANES = 3;
/** Faults between two judgements: fewer messages than a group's log keeps. */
const PAGE = 14;

export async function linksCut(options: RunOptions): Promise<Row> {
  const { seed, long } = options;
  const kinds = Object.entries(FAULTS);
  const random = seeded(seed);
  const schedule = LINKS.flatMap((link) =>
    (long ? kinds : kinds.slice(below(random, kinds.length)).slice(0, 1)).map(
      (kind) => [link, ...kind] as const,
    ),
  );
  const worlds: World[] = [];
  const broken: string[] = [];
  const turns = new Turns(schedule.length * (long ? 10 : 1), options, () => tallyOf(worlds));
  const verdicts = await sideBySide(long ? LANES : 1, async () => {
    await using world = await World.start({ linked: true });
    worlds.push(world);
    const people = await world.inviteGroups(CROWD, seed + worlds.length);
    using talk = new Talk(people, { perSecond: 200, turnover: world.turnover });
    talk.start();
    let since = 0;
    for (let turn = turns.take(); turn !== undefined; turn = turns.take()) {
      const [link, kind, fault] = schedule[(turn - 1) % schedule.length] ?? [];
      if (link === undefined) break;
      turns.say(`${link}: ${kind ?? ''}`);
      const proxies = world.links?.of(link) ?? [];
      for (const proxy of proxies) fault?.(proxy, below(random, 4_000));
      await sleep(HELD_MS);
      for (const proxy of proxies) proxy.heal();
      await sleep(CALM_MS);
      turns.ended();
      if (++since % PAGE > 0) continue;
      talk.stop();
      await world.verdict();
      talk.start();
    }
    talk.stop();
    const verdict = await world.verdict();
    broken.push(...brokenIn(verdict, world.turnover));
    return verdict;
  });
  const verdict = joined(verdicts);
  return {
    name: 'links cut',
    did: long
      ? `${LINKS.length} links, ${kinds.length} kinds, in turn, ${turns.made} cuts`
      : schedule.map(([link, kind]) => `${link} ${kind}`).join(', '),
    faults: turns.made,
    found: figuresOf(verdict),
    broken,
  };
}

/** When each text was shown to whom, from the creation of this object on. */
class Arrivals {
  readonly #sentAt = new Map<string, number>();
  /** Delay of each text [ms], in the order of arrival. */
  readonly delays: number[] = [];

  constructor(people: readonly Person[]) {
    for (const { client } of people)
      client.on('message', ({ texts }) => {
        for (const text of texts) {
          const sentAt = this.#sentAt.get(text);
          if (sentAt !== undefined) this.delays.push(performance.now() - sentAt);
        }
      });
  }

  note(text: string): void {
    this.#sentAt.set(text, performance.now());
  }

  get longest(): number {
    return Math.max(0, ...this.delays);
  }
}

/** No call reaches an im-server, so all entries come from its own reading. */
export async function pushesLost(options: RunOptions): Promise<Row> {
  const rounds = options.long ? 40 : 4;
  await using world = await World.start({ linked: true });
  const people = await world.invite(6);
  const servers = new Set(people.map(({ client }) => client.server));
  const arrivals = new Arrivals(people);
  const idOf = (person: Person): number => person.client.user?.userId ?? 0;
  let due = 0;
  const turns = new Turns(rounds, options, () => world.tally);
  for (let round = turns.take(); round !== undefined; round = turns.take()) {
    turns.say(`round ${round}`);
    for (const proxy of world.links?.of('calls to im-servers') ?? [])
      if (round % 2 === 1) proxy.down();
      else proxy.swallow();
    for (const sender of people) {
      for (const person of people)
        if (person !== sender) {
          arrivals.note(textOf(sender.sendTo(person.name, { user: idOf(person) })));
          due++;
        }
      arrivals.note(textOf(sender.sendTo('lobby', { group: 'lobby' })));
      due += people.length - 1;
    }
    await until('all of it is shown', () => arrivals.delays.length >= due, 40_000);
    for (const proxy of world.links?.of('calls to im-servers') ?? []) proxy.heal();
    turns.ended();
  }
  const verdict = await world.verdict();
  const { longest } = arrivals;
  return {
    name: 'every push fails',
    did: `${turns.made} rounds, ${servers.size} im-servers`,
    faults: turns.made,
    found: `${figuresOf(verdict)}; delivery at most ${(longest / 1000).toFixed(1)} s`,
    broken: [
      ...brokenIn(verdict),
      ...(longest > PUSHES_LOST_MS ? [`delivery took ${longest.toFixed(0)} ms`] : []),
      ...(servers.size < 2 ? ['all were at one server: nothing was pushed'] : []),
    ],
  };
}

/**
 * The server dies after the message was stored and before it was pushed. The sender's program dies too, so
 * that nobody repeats the send.
 */
export async function senderGone(options: RunOptions): Promise<Row> {
  const delays: number[] = [];
  const turns = new Turns(options.long ? 10 : 1, options);
  await sideBySide(options.long ? LANES : 1, async () => {
    await using world = await World.start({ imServers: 1 });
    const [reader] = await world.invite(1, 'reader');
    if (reader === undefined) throw new Error('nobody was invited');
    for (let time = turns.take(); time !== undefined; time = turns.take()) {
      turns.say(`time ${time}`);
      delays.push(await loseSender(world, reader, time));
      turns.ended();
    }
  });
  const longest = Math.max(0, ...delays);
  return {
    name: 'sender and its server die between append and push',
    did: `${turns.made} ${turns.made === 1 ? 'time' : 'times'}`,
    faults: turns.made,
    found: `all shown, at most ${(longest / 1000).toFixed(1)} s later`,
    broken: longest > SENDER_GONE_MS ? [`delivery took ${longest.toFixed(0)} ms`] : [],
  };
}

/** Answers the time until the message was shown [ms]. */
async function loseSender(world: World, reader: Person, time: number): Promise<number> {
  const failing = await world.addImServer({ step: 'push', nth: 1 });
  await world.untilListed();
  let sender: Person | undefined;
  for (let i = 0; sender === undefined && i < 8; i++) {
    const [one] = await world.invite(1, `sender${time}x${i}x`);
    if (one?.client.server.endsWith(`:${failing.tcpPort}`) === true) sender = one;
  }
  if (sender === undefined) throw new Error('nobody came to the server that is to die');
  const { client } = sender;
  sender.stayed = false;
  // At once, before the client could come back and repeat the send.
  client.on('disconnected', () => void client.close());
  const text = textOf(sender.sendTo(reader.name, { user: reader.client.user?.userId ?? 0 }));
  const begun = performance.now();
  const isShown = () => reader.entries.some((entry) => entry.did === 'shown' && entry.text === text);
  await until('the server dies', () => failing.ended);
  await until('it is shown all the same', isShown, SENDER_GONE_MS * 2);
  world.forget(failing);
  return performance.now() - begun;
}
