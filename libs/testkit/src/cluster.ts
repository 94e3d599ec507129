import { RedisProcess } from './redis-process.ts';
import { ServerProcess } from './server-process.ts';
import { until } from './until.ts';
import { ZooKeeperProcess } from './zookeeper-process.ts';

/** Redis, ZooKeeper, routes and im-servers, each a real process of its own. */
export class Cluster {
  readonly redis: RedisProcess;
  readonly zooKeeper: ZooKeeperProcess;
  readonly routes: readonly ServerProcess[];
  readonly imServers: ServerProcess[];
  readonly #env: Readonly<Record<string, string>>;

  private constructor(
    redis: RedisProcess,
    zooKeeper: ZooKeeperProcess,
    routes: readonly ServerProcess[],
    imServers: ServerProcess[],
    env: Readonly<Record<string, string>>,
  ) {
    this.redis = redis;
    this.zooKeeper = zooKeeper;
    this.routes = routes;
    this.imServers = imServers;
    this.#env = env;
  }

  /** Resolves when every route lists every im-server. */
  static async start(size: {
    readonly routes: number;
    readonly imServers: number;
    readonly env?: Readonly<Record<string, string>>;
  }): Promise<Cluster> {
    const [redis, zooKeeper] = await Promise.all([RedisProcess.start(), ZooKeeperProcess.start()]);
    const env = { CIM_REDIS_URL: redis.url, CIM_ZK: zooKeeper.address, ...size.env };
    const several = (program: 'route' | 'im-server', count: number) =>
      Promise.all(Array.from({ length: count }, () => ServerProcess.start(program, env)));
    const [routes, imServers] = await Promise.all([
      several('route', size.routes),
      several('im-server', size.imServers),
    ]);
    const cluster = new Cluster(redis, zooKeeper, routes, imServers, env);
    await cluster.untilListed(size.imServers);
    return cluster;
  }

  /** One more, in place of one that was ended. */
  async startImServer(): Promise<ServerProcess> {
    const server = await ServerProcess.start('im-server', this.#env);
    this.imServers.push(server);
    return server;
  }

  /** Waits until ZooKeeper lists that many im-servers, and every route has one. */
  async untilListed(count: number): Promise<void> {
    await until(`${count} im-servers are listed`, async () => {
      const states = await Promise.all(
        this.routes.map(async (route) => {
          const metrics = await fetch(`${route.routeUrl}/metrics`).then((answer) => answer.text());
          return Number(/^cim_im_servers\b.* (\d+)$/m.exec(metrics)?.[1]);
        }),
      );
      return states.every((listed) => listed === count);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.routes, ...this.imServers].map((server) => server.end()));
    await Promise.all([this.redis[Symbol.asyncDispose](), this.zooKeeper[Symbol.asyncDispose]()]);
  }
}
