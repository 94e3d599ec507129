/** Every link broken in turn; pushes that never arrive; a server that dies between a message's storing and its push. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@cim/testkit';
import { type Person, Talk } from './crowd.ts';
import { textOf } from './journal.ts';
import type { LinkProxy } from './link-proxy.ts';
import { LINKS } from './links.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { World } from './world.ts';

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

export async function linksCut({ seed, long, say }: RunOptions): Promise<Row> {
  const kinds = Object.entries(FAULTS);
  const random = seeded(seed);
  await using world = await World.start({ linked: true });
  const people = await world.invite(8);
  const talk = new Talk(people, { perSecond: 200 });
  talk.start();
  const done: string[] = [];
  for (let time = 1; time <= (long ? 10 : 1); time++)
    for (const link of LINKS)
      for (const [kind, fault] of long
        ? kinds
        : [kinds[below(random, kinds.length)] ?? kinds[0]].flatMap((k) => (k ? [k] : []))) {
        say(`${link}: ${kind}`);
        const proxies = world.links?.of(link) ?? [];
        for (const proxy of proxies) fault(proxy, below(random, 4_000));
        await sleep(HELD_MS);
        for (const proxy of proxies) proxy.heal();
        await sleep(CALM_MS);
        done.push(`${link} ${kind}`);
      }
  talk.stop();
  const verdict = await world.verdict();
  return {
    name: 'links cut',
    did: long ? `${LINKS.length} links, ${kinds.length} kinds, 10 times` : done.join(', '),
    found: figuresOf(verdict),
    broken: brokenIn(verdict),
  };
}

/** When each text was shown to whom, from the moment on at which this is made. */
class Arrivals {
  readonly #sentAt = new Map<string, number>();
  /** ms of each, as they came. */
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

/** Nobody can call an im-server: what comes, comes from its own reading. */
export async function pushesLost({ long, say }: RunOptions): Promise<Row> {
  const rounds = long ? 40 : 4;
  await using world = await World.start({ linked: true });
  const people = await world.invite(6);
  const servers = new Set(people.map(({ client }) => client.server));
  const arrivals = new Arrivals(people);
  const idOf = (person: Person): number => person.client.user?.userId ?? 0;
  let due = 0;
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
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
  }
  const verdict = await world.verdict();
  const { longest } = arrivals;
  return {
    name: 'every push fails',
    did: `${rounds} rounds, ${servers.size} im-servers`,
    found: `${figuresOf(verdict)}; delivery at most ${(longest / 1000).toFixed(1)} s`,
    broken: [
      ...brokenIn(verdict),
      ...(longest > PUSHES_LOST_MS ? [`delivery took ${longest.toFixed(0)} ms`] : []),
      ...(servers.size < 2 ? ['all were at one server: nothing was pushed'] : []),
    ],
  };
}

/** The server dies with the message stored and not pushed, and the sender's program with it, so that nobody repeats it. */
export async function senderGone({ long, say }: RunOptions): Promise<Row> {
  const times = long ? 10 : 1;
  const delays: number[] = [];
  await using world = await World.start({ imServers: 1 });
  const [reader] = await world.invite(1, 'reader');
  if (reader === undefined) throw new Error('nobody was invited');
  for (let time = 1; time <= times; time++) {
    say(`time ${time} of ${times}`);
    const failing = await world.addImServer({ step: 'push', nth: 1 });
    await world.untilListed();
    let sender: Person | undefined;
    for (let i = 0; sender === undefined && i < 8; i++) {
      const [one] = await world.invite(1, `sender${time}x${i}`);
      if (one?.client.server.endsWith(`:${failing.tcpPort}`) === true) sender = one;
    }
    if (sender === undefined) throw new Error('nobody came to the server that is to die');
    const { client } = sender;
    sender.stayed = false;
    // At once, before it could come back and repeat it.
    client.on('disconnected', () => void client.close());
    const text = textOf(sender.sendTo(reader.name, { user: reader.client.user?.userId ?? 0 }));
    const begun = performance.now();
    const isShown = () => reader.entries.some((entry) => entry.did === 'shown' && entry.text === text);
    await until('the server dies', () => failing.ended);
    await until('it is shown all the same', isShown, SENDER_GONE_MS * 2);
    delays.push(performance.now() - begun);
    world.forget(failing);
  }
  const longest = Math.max(...delays);
  return {
    name: 'sender and its server die between append and push',
    did: `${times} ${times === 1 ? 'time' : 'times'}`,
    found: `all shown, at most ${(longest / 1000).toFixed(1)} s later`,
    broken: longest > SENDER_GONE_MS ? [`delivery took ${longest.toFixed(0)} ms`] : [],
  };
}
