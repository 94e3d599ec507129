/** A whole cluster of real processes whose parts can be broken, and started again in place. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, Parts, RedisProcess, ServerProcess, until, ZooKeeperProcess } from '@cim/testkit';
import { CimClient } from '@cim/client/node';
import { openRedisStore } from '@cim/store';
import { silentLogger } from '@cim/runtime';
import type { Seq } from '@cim/protocol';
import { askAll, type AskOptions, readSome } from './asking.ts';
import type { CheckOptions } from './checker.ts';
import { type Lanes, Person } from './crowd.ts';
import type { LogItem } from './journal.ts';
import { Links } from './links.ts';
import { seeded } from './random.ts';
import { Turnover } from './turnover.ts';
import { Carried, joined, judge, logsIn, type Verdict, type Witness } from './verdict.ts';
import type { Unread } from './rest.ts';
import { wireEnv } from './wire.ts';
import { Writer } from './writer.ts';

/** Everything must have arrived within this time after the faults end [ms]. */
const SETTLE_MS = 40_000;
/** Longer waits tell what is lost from what is late [ms]. */
const LATE_MS = 60_000;
/** Histories that are read for each person at each judgement. */
const HISTORIES = 3;
const READ = 2;
/** Changes of groups per second. */
const CHANGES = 4;
const FAIL_POINT = fileURLToPath(new URL('fail-point.mjs', import.meta.url));
const CLOCK_SKEW = fileURLToPath(new URL('clock-skew.mjs', import.meta.url));

export type SendStep = 'append' | 'stored' | 'push' | 'receipt';

export interface WorldOptions {
  readonly routes?: number;
  readonly imServers?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly redisFlags?: readonly string[];
  /** Replaces its own Redis. */
  readonly redisUrl?: string;
  /** Whether there are proxies in every link between two processes. */
  readonly linked?: boolean;
  /** The clocks of all servers are off by this much every other second [ms]. */
  readonly skewMs?: number;
  /** Sources of an older version, whose build the first servers run. Those that are added or started again run this one. */
  readonly oldRoot?: string;
}

export class World implements AsyncDisposable {
  readonly redis: RedisProcess | undefined;
  readonly zooKeeper: ZooKeeperProcess;
  readonly routes: ServerProcess[];
  readonly imServers: ServerProcess[];
  readonly people: Person[] = [];
  /** Persons who only send, over HTTP. */
  readonly writers: Writer[] = [];
  readonly links: Links | undefined;
  readonly lanes: Lanes = new Map([['globby', 'lobby']]);
  readonly #parts: Parts;
  readonly #env: Readonly<Record<string, string>>;
  readonly #routePorts: readonly number[];
  /** Verdict on the closed pages. */
  #closed: Verdict | undefined;
  readonly #carried = new Carried();
  /** The people's groups, if there are any. */
  turnover: Turnover | undefined;
  #random = seeded(1);
  /** Key: lane. Seq where the present page begins in the store. */
  #begin = new Map<string, Seq>();
  /** Key: lane. Seq where the last reading ended. */
  #next = new Map<string, Seq>();

  private constructor(
    parts: Parts,
    redis: RedisProcess | undefined,
    zooKeeper: ZooKeeperProcess,
    routes: ServerProcess[],
    imServers: ServerProcess[],
    env: Readonly<Record<string, string>>,
    routePorts: readonly number[],
    links: Links | undefined,
  ) {
    this.#parts = parts;
    this.links = links;
    this.redis = redis;
    this.zooKeeper = zooKeeper;
    this.routes = routes;
    this.imServers = imServers;
    this.#env = env;
    this.#routePorts = routePorts;
  }

  static start(options: WorldOptions = {}): Promise<World> {
    return Parts.start((parts) => World.#start(options, parts));
  }

  static async #start(options: WorldOptions, parts: Parts): Promise<World> {
    const [redis, zooKeeper, routePorts] = await Promise.all([
      options.redisUrl === undefined ? parts.add(() => RedisProcess.start(options.redisFlags)) : undefined,
      parts.add(() => ZooKeeperProcess.start()),
      freePorts(options.routes ?? 2),
    ]);
    const env = {
      CIM_REDIS_URL: options.redisUrl ?? redis?.url ?? '',
      CIM_ZK: zooKeeper.address,
      CIM_LOG_LEVEL: 'warn',
      CIM_SESSION_POLICY: 'devices',
      ...(options.skewMs === undefined
        ? {}
        : { NODE_OPTIONS: `--import=${CLOCK_SKEW}`, CHAOS_SKEW_MS: String(options.skewMs) }),
      ...wireEnv(),
      ...options.env,
    };
    const links =
      options.linked === true
        ? await parts.add(() => Links.start(redis?.port ?? 0, zooKeeper.port, routePorts))
        : undefined;
    const imServers = await parts.addAll(
      Array.from(
        { length: options.imServers ?? 3 },
        () => async () =>
          ServerProcess.start(
            'im-server',
            { ...env, ...(await links?.placeImServer()) },
            undefined,
            undefined,
            options.oldRoot,
          ),
      ),
    );
    const routes = await parts.addAll(
      routePorts.map(
        (port) => () =>
          ServerProcess.start(
            'route',
            { ...env, ...links?.routeEnv, CIM_ROUTE_PORT: String(port) },
            undefined,
            undefined,
            options.oldRoot,
          ),
      ),
    );
    const world = new World(parts, redis, zooKeeper, routes, imServers, env, routePorts, links);
    await world.untilListed();
    return world;
  }

  /** Writes the servers' logs into a file, and answers its name. */
  async keepLogs(): Promise<string> {
    const file = join(tmpdir(), `cim-chaos-${process.pid}-${Date.now()}.log`);
    const servers = [...this.routes, ...this.imServers];
    await writeFile(file, servers.map(({ pid, log }) => `== ${pid}\n${log}`).join('\n'));
    return file;
  }

  /** Waits until every route lists all im-servers. */
  async untilListed(): Promise<void> {
    await until(
      'all im-servers are listed',
      async () => {
        const listed = await Promise.all(
          this.routes.map((route) => listedBy(route.routeInternalUrl.replace('https:', 'http:'))),
        );
        return listed.every((count) => count === this.imServers.length);
      },
      30_000,
    );
  }

  /** @param failAt the server kills itself at the nth time of this step of a send */
  async addImServer(failAt?: { readonly step: SendStep; readonly nth: number }): Promise<ServerProcess> {
    const server = await this.#parts.add(async () =>
      ServerProcess.start('im-server', {
        ...{ ...this.#env, ...(await this.links?.placeImServer()) },
        ...failEnv(failAt),
      }),
    );
    this.imServers.push(server);
    return server;
  }

  async killImServer(at: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | null> {
    const [server] = this.imServers.splice(at, 1);
    this.#parts.drop(server);
    return (await server?.end(signal)) ?? null;
  }

  forget(server: ServerProcess): void {
    this.imServers.splice(this.imServers.indexOf(server), 1);
    this.#parts.drop(server);
  }

  /** Restarts a route at the port that it had. */
  async restartRoute(at: number, failAt?: { readonly step: SendStep; readonly nth: number }): Promise<void> {
    await this.routes[at]?.end();
    this.#parts.drop(this.routes[at]);
    this.routes[at] = await this.#parts.add(() =>
      ServerProcess.start('route', {
        ...{ ...this.#env, ...this.links?.routeEnv },
        ...failEnv(failAt),
        CIM_ROUTE_PORT: String(this.#routePorts[at]),
      }),
    );
  }

  routeUrl(at: number): string {
    return `http://${this.links?.routeHost ?? '127.0.0.1'}:${this.#routePorts[at % this.#routePorts.length]}`;
  }

  /**
   * @param devices number of devices of each person
   * @param sdk answers the SDK of a device, by its number among all devices; this version by default
   */
  async invite(
    count: number,
    prefix = 'p',
    devices = 1,
    sdk: (device: number) => typeof CimClient = () => CimClient,
  ): Promise<Person[]> {
    const known = this.people.length;
    const invited = Array.from({ length: count }, (_, i) =>
      Array.from({ length: devices }, (_, j) => {
        const device = devices === 1 ? {} : { device: String(j + 1) };
        const options = { ...device, sdk: sdk(i * devices + j) };
        return new Person(`${prefix}${known + i}`, this.routeUrl(i + j), this.lanes, options);
      }),
    ).flat();
    this.people.push(...invited);
    for (const person of invited) {
      await person.client.connect();
      this.lanes.set(`u${person.id}`, person.name);
    }
    for (const person of invited) person.meet(invited);
    return invited;
  }

  /**
   * Invites people with several devices, and makes groups among them whose members change while a `Talk` with
   * `turnover` goes on.
   * @param groups size of each group
   */
  async inviteGroups(
    { people, devices, groups }: { people: number; devices: number; groups: readonly number[] },
    seed: number,
    changes = CHANGES,
    sdk?: (device: number) => typeof CimClient,
  ): Promise<Person[]> {
    this.#random = seeded(seed);
    const invited = await this.invite(people, 'p', devices, sdk);
    const { lanes } = this;
    const options = { lanes, sizes: groups, random: seeded(seed + 1), perSecond: changes };
    this.turnover = await Turnover.begin(invited, options);
    return invited;
  }

  /** Invites writers, each with its own names for people. Each try chooses a route again. */
  async inviteWriters(count: number): Promise<Writer[]> {
    const invited = Array.from({ length: count }, (_, i) => new Writer(`w${i}`, this.#routePorts));
    for (const writer of invited) this.lanes.set(`u${await writer.register(this.people)}`, writer.name);
    this.writers.push(...invited);
    return invited;
  }

  /**
   * Judges everything since the last time, forgets it, and answers all findings since the start. Journals are
   * judged by pages so that neither they nor the checking grow with a run. Nobody may talk meanwhile.
   * @param others further witnesses who were there to the end
   */
  async verdict(
    options: Pick<CheckOptions, 'toldIsEnough'> = {},
    others: readonly Witness[] = [],
    settleMs = SETTLE_MS,
  ): Promise<Verdict> {
    const page = await this.judgePage(options, others, settleMs);
    this.turnPage(page, others);
    if (this.turnover !== undefined)
      for (const person of this.#oneDeviceEach())
        for (const key of await readSome(person, this.#asking(), READ)) this.#carried.unread.set(key, 0);
    return this.total;
  }

  /** Verdict on all closed pages. */
  get total(): Verdict {
    return this.#closed ?? joined([]);
  }

  /** Judges the present page. With groups it also asks the routes what people are shown. */
  judgePage(
    { toldIsEnough = false }: Pick<CheckOptions, 'toldIsEnough'> = {},
    others: readonly Witness[] = [],
    settleMs = SETTLE_MS,
  ): Promise<Verdict & { readonly unread: Unread }> {
    const asks = this.turnover !== undefined && !toldIsEnough;
    const ask = asks ? () => askAll(this.#oneDeviceEach(), this.#asking()) : undefined;
    const stored = () => this.stored();
    // Where losses are expected, what is missing never comes.
    const lateMs = settleMs === SETTLE_MS ? LATE_MS : 0;
    const judging = { carried: this.#carried, settleMs, lateMs, stored, ask, toldIsEnough };
    return judge(this.#everybody(others), judging);
  }

  turnPage(page: Verdict & { readonly unread: Unread }, others: readonly Witness[] = []): void {
    this.#closed = joined([...(this.#closed === undefined ? [] : [this.#closed]), page]);
    this.#carried.turn(this.#everybody(others), page.unread);
    this.#begin = new Map(this.#next);
  }

  #everybody(others: readonly Witness[]): Witness[] {
    const turnover = this.turnover === undefined ? [] : [this.turnover];
    return [...this.people, ...this.writers, ...turnover, ...others];
  }

  #oneDeviceEach(): Person[] {
    return this.people.filter(
      ({ name, stayed }, i) => stayed && this.people.findIndex((one) => one.name === name) === i,
    );
  }

  #asking(): AskOptions {
    const { lanes } = this;
    return { lanes, before: this.#carried.before, random: this.#random, histories: HISTORIES };
  }

  /** Number of messages so far, for the watch. */
  get tally(): { readonly sent: number; readonly shown: number } {
    const count = (did: 'sent' | 'shown'): number =>
      this.#everybody([]).reduce(
        (sum, one) => sum + one.entries.filter((entry) => entry.did === did).length,
        0,
      );
    return {
      sent: (this.#closed?.sent ?? 0) + count('sent'),
      shown: (this.#closed?.shown ?? 0) + count('shown'),
    };
  }

  /** The entries of each lane since the last page, read from the store and not through a server. */
  async stored(): Promise<Map<string, LogItem[]>> {
    const url = this.#env['CIM_REDIS_URL'] ?? '';
    const store = await openRedisStore({ url, durability: 'fast', logger: silentLogger() });
    try {
      // On a machine that is busy the first answer of Redis may come late.
      await store.opened;
      this.#next = new Map(this.#begin);
      return await logsIn(store, this.people, this.lanes, this.#next);
    } finally {
      await store.stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.writers) writer.giveUp();
    this.turnover?.giveUp();
    await Promise.all(this.people.map(({ client }) => client.close()));
    await this.#parts[Symbol.asyncDispose]();
  }
}

/** The same for several worlds. */
export const tallyOf = (worlds: readonly World[]): { readonly sent: number; readonly shown: number } => ({
  sent: worlds.reduce((sum, { tally }) => sum + tally.sent, 0),
  shown: worlds.reduce((sum, { tally }) => sum + tally.shown, 0),
});

const failEnv = (failAt?: { readonly step: SendStep; readonly nth: number }): Record<string, string> =>
  failAt === undefined
    ? {}
    : { NODE_OPTIONS: `--import=${FAIL_POINT}`, CHAOS_KILL_AT: `${failAt.step}:${failAt.nth}` };

async function listedBy(internalUrl: string): Promise<number> {
  try {
    const metrics = await fetch(`${internalUrl}/metrics`).then((answer) => answer.text());
    return Number(/^cim_im_servers\b.* (\d+)$/m.exec(metrics)?.[1]);
  } catch {
    return -1;
  }
}
