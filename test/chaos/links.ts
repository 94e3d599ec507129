/** A proxy in every link between two processes of a cluster on one machine. */
import { freePorts, Parts } from '@cim/testkit';
import { LinkProxy } from './link-proxy.ts';

export const LINKS = [
  'client to route',
  'client to im-server',
  'calls to im-servers',
  'route to Redis',
  'im-server to Redis',
  'route to ZooKeeper',
  'im-server to ZooKeeper',
] as const;
export type LinkName = (typeof LINKS)[number];

const LOCAL = '127.0.0.1';
/** Servers listen at 127.0.2.n and announce 127.0.3.n with the same ports, where the proxies listen. */
const REAL = '127.0.2';
const SAID = '127.0.3';

export class Links implements AsyncDisposable {
  /** The address of the routes that clients are given. */
  readonly routeHost = `${SAID}.250`;
  readonly routeEnv: Readonly<Record<string, string>>;
  readonly #imServerEnv: Readonly<Record<string, string>>;
  readonly #parts: Parts;
  readonly #proxies: Map<LinkName, LinkProxy[]>;
  #servers = 0;

  private constructor(
    parts: Parts,
    proxies: Map<LinkName, LinkProxy[]>,
    routeEnv: Readonly<Record<string, string>>,
    imServerEnv: Readonly<Record<string, string>>,
  ) {
    this.#parts = parts;
    this.#proxies = proxies;
    this.routeEnv = routeEnv;
    this.#imServerEnv = imServerEnv;
  }

  static start(redisPort: number, zooKeeperPort: number, routePorts: readonly number[]): Promise<Links> {
    return Parts.start((parts) => Links.#start(parts, redisPort, zooKeeperPort, routePorts));
  }

  static async #start(
    parts: Parts,
    redisPort: number,
    zooKeeperPort: number,
    routePorts: readonly number[],
  ): Promise<Links> {
    const [a = 0, b = 0, c = 0, d = 0] = await freePorts(4);
    const to = (listen: number, port: number): Promise<LinkProxy> =>
      parts.add(() => LinkProxy.start({ host: LOCAL, port: listen }, { host: LOCAL, port }));
    const routes = routePorts.map(
      (port) => () => LinkProxy.start({ host: `${SAID}.250`, port }, { host: LOCAL, port }),
    );
    const proxies = new Map<LinkName, LinkProxy[]>([
      ['client to route', await parts.addAll(routes)],
      ['client to im-server', []],
      ['calls to im-servers', []],
      ['route to Redis', [await to(a, redisPort)]],
      ['im-server to Redis', [await to(b, redisPort)]],
      ['route to ZooKeeper', [await to(c, zooKeeperPort)]],
      ['im-server to ZooKeeper', [await to(d, zooKeeperPort)]],
    ]);
    const env = (redis: number, zooKeeper: number) => ({
      CIM_REDIS_URL: `redis://${LOCAL}:${redis}`,
      CIM_ZK: `${LOCAL}:${zooKeeper}`,
    });
    return new Links(parts, proxies, env(a, c), env(b, d));
  }

  of(link: LinkName): readonly LinkProxy[] {
    return this.#proxies.get(link) ?? [];
  }

  /** The environment of a new im-server. The proxies in front of it exist already. */
  async placeImServer(): Promise<Record<string, string>> {
    const n = ++this.#servers;
    const [tcp = 0, http = 0] = await freePorts(2);
    const real = `${REAL}.${n}`;
    const said = `${SAID}.${n}`;
    const links = [
      ['client to im-server', tcp],
      ['calls to im-servers', http],
    ] as const;
    for (const [link, port] of links)
      this.#proxies
        .get(link)
        ?.push(await this.#parts.add(() => LinkProxy.start({ host: said, port }, { host: real, port })));
    return {
      ...this.#imServerEnv,
      CIM_HOST: real,
      CIM_INTERNAL_HOST: real,
      CIM_ADVERTISE_HOST: said,
      CIM_TCP_PORT: String(tcp),
      CIM_HTTP_PORT: String(http),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}
