/** One run of the fuzz: a server, a healthy pair that talks all the time, and hostile clients at each door. */
import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../web-socket-client.ts';
import { Door, type DoorName } from './door.ts';
import { httpLife, type HttpTarget } from './http-life.ts';
import { OF_OPERATORS, OF_SERVERS, operationsOf } from './http-requests.ts';
import { live, type Trace } from './life.ts';
import { Pair } from './pair.ts';
import { ADMIN_TOKEN, CLUSTER_SECRET, FuzzedServer, inUse, type Memory } from './server.ts';
import { Tally } from './tally.ts';
import { type Account, World } from './world.ts';

const ACCOUNTS = 24;
const GROUPS = 4;
/** Number of lives at once. */
const AT_ONCE: Readonly<Record<DoorName, number>> = { tcp: 16, ws: 16, http: 12 };
/** Shares of all frames after which memory is measured. The first half warms the server up. */
const QUARTERS = [0.25, 0.5, 0.75, 1];
/** How much more memory may be in use at the end of the second half than at its start [MiB]. */
const GROWTH_MIB = 20;
const WATCH_MS = 50;
/** Number of findings that are shown whole, and how many bytes of each. */
const SHOWN = 5;
const LINE = 700;
const PROGRESS_MS = 5_000;
const BEARERS = 64;
/** The codes of an answer by which a limit refuses. */
const LIMITED_CODES = /"code":"(6000|9500)"/;

export interface Plan {
  readonly seed: number;
  /** Number of frames or requests for each door. A door that is not named is not used. */
  readonly frames: Readonly<Partial<Record<DoorName, number>>>;
  /** Runs the server with its default limits. A refusal by a limit is no fault then. */
  readonly withLimits?: boolean;
  /** Runs these lives of the only door, and no others. */
  readonly lives?: readonly number[] | undefined;
  readonly say?: (line: string) => void;
  readonly stop?: AbortSignal;
}

export interface Report {
  readonly broken: readonly string[];
  readonly figures: readonly string[];
}

export async function fuzz(plan: Plan): Promise<Report> {
  const { seed, withLimits = false, say = () => undefined } = plan;
  const broken: string[] = [];
  const figures: string[] = [];
  const begun = performance.now();
  await using server = await FuzzedServer.start(withLimits);
  const { routeUrl, routeInternalUrl, tcpPort, httpPort } = server.process;
  const pair = await Pair.start(routeUrl);
  const hostile = await Promise.all(
    Array.from({ length: ACCOUNTS }, async (_, n): Promise<Account> => {
      const userName = `hostile${n}`;
      return (await post({ routeUrl }, '/registerAccount', { userName })) as Account;
    }),
  );
  const bearers: string[] = [];
  const moreBearers = async ({ userId }: Account): Promise<void> => {
    const answer = await fetch(`${routeUrl}/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: String(userId), device: `fuzz-device-${userId % 4}-http` }),
    });
    const { secret } = (await answer.json()) as { secret?: string };
    if (secret === undefined) return;
    bearers.push(secret);
    if (bearers.length > BEARERS) bearers.shift();
  };
  await Promise.all(hostile.slice(0, GROUPS).map(moreBearers));
  const groups = await Promise.all(
    bearers.map(async (bearer, n) => {
      const made = await fetch(`${routeUrl}/v1/groups`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
        body: JSON.stringify({ name: `group${n}`, join: 'open' }),
      });
      return ((await made.json()) as { id: string }).id;
    }),
  );
  const world = new World(hostile, pair.ids, groups);
  const document = await (await fetch(`${routeInternalUrl}/documentation/json`)).json();

  const found = (what: string): void => {
    broken.push(what);
    if (broken.length > SHOWN) return;
    say(`FOUND: ${what}`);
    for (const line of doors.flatMap((door) => door.underWay())) say(line.slice(0, LINE));
  };
  const statuses = new Map<number, number>();
  const tallies = { tcp: new Tally(), ws: new Tally() };
  const target = (name: 'tcp' | 'ws') => ({
    ...{ routeUrl, port: tcpPort, world },
    isWebSocket: name === 'ws',
    tally: tallies[name],
  });
  const http: HttpTarget = {
    world,
    ports: [
      { url: routeUrl, operations: operationsOf(document as never), credentials: { bearers } },
      { url: routeInternalUrl, operations: OF_OPERATORS, credentials: { bearers: [ADMIN_TOKEN] } },
      {
        url: `http://127.0.0.1:${httpPort}`,
        operations: OF_SERVERS,
        credentials: { bearers: [CLUSTER_SECRET] },
      },
    ],
    onSilence: (requests) => found(`no answer to ${requests.toString('base64')}`),
    onStatus: (status, request, answer) => {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status < 500 || (withLimits && status === 503 && LIMITED_CODES.test(answer))) return;
      found(`${answer.slice(0, 600)} to ${request.toString('base64')}`);
    },
  };
  const lifeOf: Readonly<Record<DoorName, (life: number, seed: number, trace: Trace) => Promise<number>>> = {
    tcp: (...of) => live(target('tcp'), ...of),
    ws: (...of) => live(target('ws'), ...of),
    http: async (life, lifeSeed, trace) => {
      const account = hostile[life % hostile.length];
      if (life % 10 === 0 && account !== undefined) await moreBearers(account);
      return httpLife(http, life, lifeSeed, trace);
    },
  };
  const doors = (Object.keys(plan.frames) as DoorName[]).map(
    (name) => new Door(name, seed, AT_ONCE[name], lifeOf[name]),
  );

  const ending = new AbortController();
  const stop = AbortSignal.any([ending.signal, ...(plan.stop === undefined ? [] : [plan.stop])]);
  const watched = new AbortController();
  const progress = setInterval(() => {
    say(`${seconds(begun)}: ${doors.map((door) => `${door.name} ${door.done}`).join(', ')}`);
  }, PROGRESS_MS);
  const watch = (async (): Promise<void> => {
    while (!watched.signal.aborted) {
      for (const fault of server.faults()) found(fault);
      if (server.process.ended) return ending.abort();
      await sleep(WATCH_MS);
    }
  })();
  const run = (share: number): Promise<unknown> =>
    Promise.all(doors.map((door) => door.until((plan.frames[door.name] ?? 0) * share, stop)));
  if (plan.lives === undefined) {
    const memory: (Memory | undefined)[] = [];
    for (const share of QUARTERS) {
      await run(share);
      memory.push(await server.memory().catch(() => undefined));
      figures.push(`memory after ${share * 100} %: ${told(memory.at(-1))}`);
      say(`${seconds(begun)}: ${figures.at(-1)}`);
    }
    const [half, last] = [memory[1], memory[3]];
    if (half === undefined || last === undefined) found('the server does not tell its memory');
    else if (inUse(last) - inUse(half) > GROWTH_MIB)
      found(`the server holds ${(inUse(last) - inUse(half)).toFixed(1)} MiB more than at half-time`);
  } else for (const life of plan.lives) await doors[0]?.one(life);
  watched.abort();
  clearInterval(progress);
  await watch;
  for (const fault of server.faults()) found(fault);
  const { texts, broken: harmed } = await pair.finish();
  for (const harm of harmed) found(harm);
  for (const door of doors) figures.push(`${door.name}: ${door.done} done, ${door.begun} connections`);
  for (const name of ['tcp', 'ws'] as const)
    if (plan.frames[name] !== undefined) figures.push(`${name}: ${tallies[name].toString()}`);
  figures.push(`http: ${[...statuses].map(([status, times]) => `${status} ${times}`).join(', ')}`);
  figures.push(`the pair: ${texts} texts each way`);
  figures.push(`log: ${[...server.told].map(([name, times]) => `${name} ${times}`).join(', ')}`);
  figures.push(`${seconds(begun)}, seed ${seed}`);
  await server.process.end('SIGTERM').catch((error: unknown) => found(String(error)));
  return { broken, figures };
}

const seconds = (begun: number): string => `${((performance.now() - begun) / 1_000).toFixed(1)} s`;
const told = (memory: Memory | undefined): string =>
  memory === undefined
    ? 'unknown'
    : `${inUse(memory).toFixed(1)} MiB in use (heap ${memory.heap.toFixed(1)}, external ${memory.external.toFixed(1)}, array buffers ${memory.arrayBuffers.toFixed(1)} of these), ${memory.resident.toFixed(1)} MiB resident`;
