/** The whole system in this process on the embedded store, so that faults can be put into its parts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { createMessaging } from '@cim/delivery';
import { createPlacement, openEmbeddedMembership } from '@cim/discovery';
import { startImServer } from '@cim/im-server';
import { startRoute } from '@cim/route';
import { RpcClient } from '@cim/rpc';
import { ample, createMetrics, silentLogger, silentObserver } from '@cim/runtime';
import { openEmbeddedStore, type Store } from '@cim/store';
import { freePorts, Parts } from '@cim/testkit';
import { Person } from './crowd.ts';
import { LinkProxy } from './link-proxy.ts';
import { askAll } from './asking.ts';
import { seeded } from './random.ts';
import { Turnover } from './turnover.ts';
import { Carried, judge, logsIn, type Verdict } from './verdict.ts';

/** Address that clients are given; the proxy listens there. */
const PROXY_HOST = '127.0.3.1';
const CLUSTER_SECRET = 'small-world';
/** Changes of groups per second. */
const CHANGES = 20;
/** Histories that are read for each person: all of them. */
const HISTORIES = 20;

export class SmallWorld implements AsyncDisposable {
  readonly people: Person[] = [];
  turnover: Turnover | undefined;
  #lanes: ReadonlyMap<string, string> = new Map();
  /** The proxy between all clients and the im-server. */
  readonly link: LinkProxy;
  readonly #routeUrl: string;
  readonly #store: Store;
  readonly #parts: Parts;

  private constructor(link: LinkProxy, routeUrl: string, store: Store, parts: Parts) {
    this.link = link;
    this.#routeUrl = routeUrl;
    this.#store = store;
    this.#parts = parts;
  }

  /** @param spoil changes the store that the servers use; the judgement uses the unchanged one */
  static start(spoil: (store: Store) => Store): Promise<SmallWorld> {
    return Parts.start((parts) => SmallWorld.#start(spoil, parts));
  }

  static async #start(spoil: (store: Store) => Store, parts: Parts): Promise<SmallWorld> {
    const logger = silentLogger();
    const [tcpPort = 0] = await freePorts(1);
    const dir = await mkdtemp(join(tmpdir(), 'cim-small-world-'));
    parts.onDown(() => rm(dir, { recursive: true, force: true }));
    const store = await openEmbeddedStore({ dir, logger });
    parts.onDown(() => store.stop());
    const spoiled = spoil(store);
    const membership = openEmbeddedMembership();
    await membership.start();
    parts.onDown(() => membership.stop());
    const wheel = new TimingWheel();
    wheel.start();
    parts.onDown(() => wheel.stop());
    const flusher = new TurnFlusher();
    const rpc = new RpcClient({ secret: CLUSTER_SECRET, flusher, wheel, logger });
    parts.onDown(() => rpc.stop());
    const messaging = createMessaging({ store: spoiled, membership, rpc, logger });
    const metrics = createMetrics({ program: 'small-world' });
    const config = {
      ...{ host: '127.0.0.1', advertiseHost: PROXY_HOST, clusterSecret: CLUSTER_SECRET },
      ...{ tcpPort, httpPort: 0, routePort: 0, idleTimeoutMs: 30_000, allowedOrigins: [], allowedHosts: [] },
      ...{ internalHost: '127.0.0.1', routeInternalPort: 0, publicPages: [], adminToken: '' },
      ...{ trustedProxies: () => false, advertiseUrl: '' },
      ...{ loginRate: 1_000, drainRate: 100 },
      sessionPolicy: 'devices',
      maxDevices: 10,
      sessionDays: 30,
      auth: 'open',
    } as const;
    const common = {
      config,
      store: spoiled,
      membership,
      messaging,
      logger,
      metrics,
      observer: silentObserver,
      maxConnections: 10_000,
      supplies: ample,
    };
    const server = await startImServer({
      ...common,
      flusher,
      wheel,
      stopping: new AbortController().signal,
      exit: () => undefined,
    });
    parts.onDown(() => server.stop());
    const route = await startRoute({ ...common, placement: createPlacement('round-robin') });
    parts.onDown(() => route.stop());
    const link = await parts.add(() =>
      LinkProxy.start({ host: PROXY_HOST, port: tcpPort }, { host: '127.0.0.1', port: tcpPort }),
    );
    return new SmallWorld(link, route.url, store, parts);
  }

  /**
   * People with several devices each and groups among them; see `World.inviteGroups`.
   * @param late see `Person`, for the first device of the first of them
   */
  async invite(
    { people, devices, groups }: { people: number; devices: number; groups: readonly number[] },
    late: (stream: string) => boolean = () => false,
  ): Promise<Person[]> {
    const lanes = new Map([['globby', 'lobby']]);
    for (let i = 0; i < people; i++)
      for (let device = 1; device <= devices; device++) {
        const of = { device: String(device), ...(i + device === 1 && { late }) };
        this.people.push(new Person(`p${i}`, this.#routeUrl, lanes, of));
      }
    for (const person of this.people) {
      await person.client.connect();
      lanes.set(`u${person.id}`, person.name);
    }
    for (const person of this.people) person.meet(this.people);
    const options = { lanes, sizes: groups, random: seeded(1), perSecond: CHANGES };
    this.turnover = await Turnover.begin(this.people, options);
    this.#lanes = lanes;
    return this.people;
  }

  verdict(settleMs: number): Promise<Verdict> {
    const carried = new Carried();
    const asking = { lanes: this.#lanes, before: carried.before, random: seeded(2), histories: HISTORIES };
    const one = this.people.filter(({ device }) => device === '1');
    const everybody = [...this.people, ...(this.turnover === undefined ? [] : [this.turnover])];
    return judge(everybody, {
      carried,
      settleMs,
      stored: () => logsIn(this.#store, this.people, this.#lanes),
      ask: () => askAll(one, asking),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.turnover?.giveUp();
    await Promise.all(this.people.map(({ client }) => client.close()));
    await this.#parts[Symbol.asyncDispose]();
  }
}
