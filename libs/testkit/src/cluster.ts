import { Parts } from './parts.ts';
import { RedisProcess } from './redis-process.ts';
import { ServerProcess } from './server-process.ts';
import { until } from './until.ts';
import { ZooKeeperProcess } from './zookeeper-process.ts';

/** Redis, ZooKeeper, routes and im-servers, each a real process. */
export class Cluster {
  readonly redis: RedisProcess;
  readonly zooKeeper: ZooKeeperProcess;
  readonly routes: readonly ServerProcess[];
  readonly imServers: ServerProcess[];
  readonly #parts: Parts;
  readonly #env: Readonly<Record<string, string>>;
  readonly #heldAtMostMs: number | undefined;

  private constructor(
    parts: Parts,
    redis: RedisProcess,
    zooKeeper: ZooKeeperProcess,
    routes: readonly ServerProcess[],
    imServers: ServerProcess[],
    env: Readonly<Record<string, string>>,
    heldAtMostMs: number | undefined,
  ) {
    this.#parts = parts;
    this.redis = redis;
    this.zooKeeper = zooKeeper;
    this.routes = routes;
    this.imServers = imServers;
    this.#env = env;
    this.#heldAtMostMs = heldAtMostMs;
  }

  /** Resolves when every route lists every im-server. */
  static start(size: {
    readonly routes: number;
    readonly imServers: number;
    readonly env?: Readonly<Record<string, string>>;
    /** For each server; as in `ServerProcess.start`. */
    readonly heldAtMostMs?: number;
  }): Promise<Cluster> {
    return Parts.start(async (parts) => {
      const [redis, zooKeeper] = await Promise.all([
        parts.add(() => RedisProcess.start()),
        parts.add(() => ZooKeeperProcess.start()),
      ]);
      const env = { CIM_REDIS_URL: redis.url, CIM_ZK: zooKeeper.address, ...size.env };
      const several = (program: 'route' | 'im-server', count: number) =>
        parts.addAll(
          Array.from({ length: count }, () => () => ServerProcess.start(program, env, size.heldAtMostMs)),
        );
      const [routes, imServers] = await Promise.all([
        several('route', size.routes),
        several('im-server', size.imServers),
      ]);
      const cluster = new Cluster(parts, redis, zooKeeper, routes, imServers, env, size.heldAtMostMs);
      await cluster.untilListed(size.imServers);
      return cluster;
    });
  }

  /** Starts another im-server, in place of one that was ended. */
  async startImServer(): Promise<ServerProcess> {
    const server = await this.#parts.add(() =>
      ServerProcess.start('im-server', this.#env, this.#heldAtMostMs),
    );
    this.imServers.push(server);
    return server;
  }

  /** Waits until ZooKeeper lists that many im-servers, and every route has one. */
  async untilListed(count: number): Promise<void> {
    await until(`${count} im-servers are listed`, async () => {
      const states = await Promise.all(
        this.routes.map(async (route) => {
          const metrics = await fetch(`${route.routeInternalUrl}/metrics`).then((answer) => answer.text());
          return Number(/^cim_im_servers\b.* (\d+)$/m.exec(metrics)?.[1]);
        }),
      );
      return states.every((listed) => listed === count);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}
