/** Kills a Redis master while everybody talks; a replica takes its place. Under `quorum`, and under `fast`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisProcess, RedisSentinel, until } from '@cim/testkit';
import { check } from './checker.ts';
import type { Fault, Finding } from './finding.ts';
import type { Person } from './crowd.ts';
import { Talk } from './talk.ts';
import type { Journal } from './journal.ts';
import { payloadOf, personOf } from './journal.ts';
import { below, seeded } from './random.ts';
import { brokenIn, figuresOf, type Row, type RunOptions } from './row.ts';
import { sideBySide, Turns } from './turns.ts';
import type { Verdict } from './verdict.ts';
import { World } from './world.ts';

/** Delay of the replicas [ms], so that `fast` has something to lose. */
const LAG_MS = 400;
const PROMOTED_MS = 60_000;
const FLOWS_MS = 40_000;
const LOOK_MS = 500;
/** Messages that people must be able to send again after a failover. */
const FLOWING = 100;
const CROWD = { people: 3, devices: 3, groups: [2, 3] };
/** Failovers between two judgements: fewer messages than a group's log keeps. */
const PAGE = 5;

/** Servers of which a master can be killed, and another takes its place. */
interface Topology extends AsyncDisposable {
  readonly kind: 'Sentinel' | 'Cluster';
  readonly url: string;
  /** Whether no failover is under way, and every replica copies a master. */
  isSettled(): Promise<boolean>;
  /** Whether all deciding parties take this server for a master. */
  isNamed(server: RedisProcess): Promise<boolean>;
  /** Chooses a random master, and its replicas. */
  choose(random: () => number): Promise<{ master: RedisProcess; replicas: readonly RedisProcess[] }>;
}

const stateOf = (server: RedisProcess): Promise<string> => server.cli('INFO', 'replication').catch(() => '');
/** Number of replicas that follow a master. */
const copiesOf = (state: string): number => state.match(/state=online/g)?.length ?? 0;

async function sentinel(): Promise<Topology> {
  const group = await RedisSentinel.start();
  return {
    kind: 'Sentinel',
    url: group.url,
    isSettled: async () => {
      const master = await group.master();
      if (master === undefined || !(await group.isSettledOn(master))) return false;
      return copiesOf(await stateOf(master)) === group.servers.length - 1;
    },
    isNamed: (server) => group.isSettledOn(server),
    choose: async () => {
      const master = await group.master();
      if (master === undefined) throw new Error('the Sentinels name no master');
      return { master, replicas: group.servers.filter((server) => server !== master) };
    },
    [Symbol.asyncDispose]: () => group[Symbol.asyncDispose](),
  };
}

async function cluster(): Promise<Topology> {
  const nodes = await RedisProcess.startCluster(1);
  return {
    kind: 'Cluster',
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    isSettled: async () => {
      const states = await Promise.all(nodes.map(stateOf));
      const copied = states.filter((state) => /role:master/.test(state) && copiesOf(state) === 1);
      return copied.length === nodes.length / 2;
    },
    // A node that comes back asks the others first.
    isNamed: () => Promise.resolve(true),
    choose: async (random) => {
      const states = await Promise.all(nodes.map((node) => node.cli('INFO', 'replication')));
      const masters = nodes.filter((_, i) => /role:master/.test(states[i] ?? ''));
      const master = masters[below(random, masters.length)];
      if (master === undefined) throw new Error('the Cluster has no master');
      const of = new RegExp(`master_port:${master.port}\\b`);
      return { master, replicas: nodes.filter((_, i) => of.test(states[i] ?? '')) };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

/** The master dies, a replica takes over, and the old master comes back and copies it. */
async function failOver(
  topology: Topology,
  random: () => number,
  durability: 'quorum' | 'fast',
): Promise<void> {
  const { master, replicas } = await topology.choose(random);
  if (durability === 'fast') {
    for (const replica of replicas) replica.freeze();
    // Without this the replicas would still read what is in the connection.
    await master.cli('CLIENT', 'KILL', 'TYPE', 'replica');
    await sleep(LAG_MS);
  }
  await master.kill();
  for (const replica of replicas) replica.thaw();
  let successor: RedisProcess | undefined;
  await until(
    'a replica takes over',
    async () => {
      const states = await Promise.all(replicas.map(stateOf));
      successor = replicas[states.findIndex((state) => /role:master/.test(state))];
      return successor !== undefined && (durability === 'quorum' || (await topology.isNamed(successor)));
    },
    PROMOTED_MS,
  );
  // By itself it would be a second master until Sentinel tells it otherwise, about 10 s later: under `fast`
  // it would take texts that are then lost without anybody noticing (docs/faults.md). A node of a Cluster
  // notices before it takes a write.
  const asReplica = topology.kind === 'Sentinel' && durability === 'fast' && successor !== undefined;
  await master.start(asReplica ? ['--replicaof', `127.0.0.1 ${successor?.port ?? 0}`] : []);
}

const nameOf = ({ kind }: Topology, durability: string): string =>
  `Redis failover, ${kind}, \`${durability}\``;

/**
 * A failover that begins before the last one has ended finds replicas that copy no master: their data is old.
 */
const untilSettled = (topology: Topology): Promise<void> =>
  until('there is a master, and all copy it', () => topology.isSettled(), PROMOTED_MS);

async function underLoad(
  topology: Topology,
  durability: 'quorum' | 'fast',
  options: RunOptions,
  times: number,
): Promise<Row> {
  await using world = await World.start({
    redisUrl: topology.url,
    env: { CIM_DURABILITY: durability, CIM_LOG_LEVEL: 'info' },
  });
  try {
    const row = await failOverAndOver(topology, durability, options, times, world);
    return row.broken.length === 0
      ? row
      : { ...row, broken: [...row.broken, `what the servers logged: ${await world.keepLogs()}`] };
  } catch (error) {
    // A failure here must not lose the row of the other mode.
    const name = nameOf(topology, durability);
    const broken = [`${String(error)}; what the servers logged: ${await world.keepLogs()}`];
    return { name, did: 'failed', faults: 0, found: figuresOf(world.total), broken };
  }
}

async function failOverAndOver(
  topology: Topology,
  durability: 'quorum' | 'fast',
  options: RunOptions,
  times: number,
  world: World,
): Promise<Row> {
  const random = seeded(options.seed);
  // Under `fast` Redis may lose changes of groups, and then nobody can say who should be a member.
  const people = await (durability === 'fast' ? world.invite(8) : world.inviteGroups(CROWD, options.seed));
  const stored = (): number =>
    people.reduce((sum, { entries }) => sum + entries.filter((entry) => entry.did === 'answered').length, 0);
  const flows = async (): Promise<void> => {
    const before = stored();
    await until('everybody is answered again', () => stored() >= before + FLOWING, FLOWS_MS);
    await until('everybody is there again', () => people.every(({ client }) => client.online), FLOWS_MS);
  };
  using talk = new Talk(people, { perSecond: 200, turnover: world.turnover });
  const turns = new Turns(times, options, () => world.tally);
  const losses = { gone: 0, silent: [] as string[], swallowed: [] as string[] };
  do {
    talk.start();
    for (let since = 0; since < PAGE; since++) {
      const time = turns.take();
      if (time === undefined) break;
      turns.say(`${topology.kind}, ${durability}: failover ${time}`);
      await flows();
      await untilSettled(topology);
      await failOver(topology, random, durability);
      turns.say(`${topology.kind}, ${durability}: flows after failover ${time}`);
      await flows();
      turns.ended();
    }
    // From here on no loss is excused.
    const marks = marksOf(people.map(({ journal }) => journal));
    await flows();
    talk.stop();
    turns.say(`${topology.kind}, ${durability}: judging`);
    await untilSettled(topology);
    // A loss that is not excused must be reported at once, or at the latest after the time of a lapsed lease.
    const deadline = performance.now() + FLOWS_MS;
    while (swallowedOf(people, marks).length > 0 && performance.now() < deadline) await sleep(LOOK_MS);
    const page = await world.judgePage({ toldIsEnough: durability === 'fast' });
    if (durability === 'fast') note(losses, page, people, marks);
    world.turnPage(
      durability === 'fast'
        ? { ...page, findings: page.findings.filter(({ fault }) => !MAY_HAPPEN.includes(fault)) }
        : page,
    );
  } while (!turns.over);
  const verdict = world.total;
  const { gone, silent, swallowed } = losses;
  const some = (texts: readonly string[]): string => texts.slice(0, 5).join(', ');
  const settled = `settled in ${(verdict.settledMs / 1000).toFixed(1)} s`;
  return {
    name: nameOf(topology, durability),
    did: `${turns.made} ${turns.made === 1 ? 'failover' : 'failovers'}`,
    faults: turns.made,
    found:
      durability === 'quorum'
        ? figuresOf(verdict)
        : `${verdict.sent} sent, ${gone} answered and lost by Redis, ${silent.length} of them not told; ` +
          `${swallowed.length} new ones swallowed, ${settled}`,
    broken: [
      ...brokenIn(verdict, world.turnover),
      ...(durability === 'fast' && gone === 0 ? ['nothing was lost: this shows nothing'] : []),
      ...(silent.length > 0 ? [`not told: ${some(silent)}`] : []),
      ...(swallowed.length > 0 ? [`swallowed: ${some(swallowed)}`] : []),
    ],
  };
}

/**
 * Notes for a page under `fast` what was lost, whether it was reported, and which messages fell into the
 * holes.
 */
function note(
  losses: { gone: number; readonly silent: string[]; readonly swallowed: string[] },
  page: Verdict,
  people: readonly Person[],
  marks: ReadonlyMap<string, number>,
): void {
  const journals = people.map(({ journal }) => journal);
  const gone = page.findings.filter(({ fault }) => fault === 'answered stored, not stored');
  const told = toldIn(journals);
  losses.gone += gone.length;
  for (const finding of gone)
    if (!told.has(laneOf(finding)) && !told.has(recipientOf(finding))) losses.silent.push(finding.text);
  losses.swallowed.push(...swallowedOf(people, marks));
}

/** Strict check of later messages: a new message must not disappear in the hole that old ones left. */
const swallowedOf = (people: readonly Person[], marks: ReadonlyMap<string, number>): string[] =>
  check(people.map(({ journal }) => journal))
    .filter((finding) => finding.fault === 'lost' && nOf(finding) > (marks.get(voiceLaneOf(finding)) ?? 0))
    .map(({ text }) => text);

/**
 * Faults that a store cannot avoid after it lost its newest entries: these are gone, and repeated sends have
 * new places.
 */
const MAY_HAPPEN: readonly Fault[] = [
  'answered stored, not stored',
  'copy not stored',
  'shown twice',
  'out of order',
  'groups differ',
  'devices differ',
];

/** Key: "sender lane". How far each device has come on each lane. */
function marksOf(journals: readonly Journal[]): Map<string, number> {
  const marks = new Map<string, number>();
  for (const { entries } of journals)
    for (const entry of entries)
      if (entry.did === 'sent') marks.set(`${entry.payload.sender} ${entry.payload.lane}`, entry.payload.n);
  return marks;
}

/**
 * Reported losses: "sender lane" for a sender's own messages, "recipient inbox" or "recipient lobby" for
 * received ones.
 */
const toldIn = (journals: readonly Journal[]): Set<string> =>
  new Set(
    journals.flatMap(({ person, entries }) =>
      entries.flatMap((entry) => (entry.did === 'was-told' ? [`${person} ${entry.of}`] : [])),
    ),
  );

const laneOf = ({ text }: Finding): string => {
  const payload = payloadOf(text);
  return payload === undefined ? '' : `${personOf(payload.sender)} ${payload.lane}`;
};

/** The key of `marksOf` for a finding. */
const voiceLaneOf = ({ text }: Finding): string => {
  const payload = payloadOf(text);
  return payload === undefined ? '' : `${payload.sender} ${payload.lane}`;
};

const recipientOf = ({ text }: Finding): string => `${payloadOf(text)?.lane ?? ''} inbox`;
const nOf = ({ text }: Finding): number => payloadOf(text)?.n ?? 0;

async function inBothModes(
  start: () => Promise<Topology>,
  times: number,
  options: RunOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  const carryOut = async (durability: 'quorum' | 'fast'): Promise<Row> => {
    await using topology = await start();
    return await underLoad(topology, durability, options, times);
  };
  const modes = ['quorum', 'fast'] as const;
  if (options.long) return sideBySide(modes.length, (lane) => carryOut(modes[lane] ?? 'quorum'));
  for (const mode of modes) rows.push(await carryOut(mode));
  return rows;
}

export const sentinelFailovers = (options: RunOptions): Promise<Row[]> =>
  inBothModes(sentinel, options.long ? 50 : 1, options);

export const clusterFailovers = (options: RunOptions): Promise<Row[]> =>
  inBothModes(cluster, options.long ? 20 : 1, options);
