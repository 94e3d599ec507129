/** The target of a measurement: a server or a cluster that is started for it, or one that runs already. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Cluster, ServerProcess, TestAuthority, writeTlsFiles } from '@cim/testkit';
import type { Options } from './options.ts';
import { type MeasuredProcess, PRELOAD_GC, PRELOAD_PROFILE } from './processes.ts';

export interface Target extends AsyncDisposable {
  readonly routeUrl: string;
  /** Describes the target to people. */
  readonly description: string;
  /** The server processes, when they run on this machine; empty otherwise. */
  readonly processes: readonly MeasuredProcess[];
  /** URL of the Redis of a cluster that was started here. */
  readonly redis?: string;
}

/** The same server for clients over TCP, to compare with; undefined when that is what is measured, or where it runs is not ours. */
export const openOverTcp = async ({ options }: { readonly options: Options }): Promise<Target | undefined> =>
  (options.wire === 'ws' || options.wire === 'tls') && options.route === ''
    ? openTarget({ ...options, wire: 'own' })
    : undefined;

/** Turns off the limits that protect a server from such a load. */
const settingsOf = ({ profile, pingS }: Options) => ({
  CIM_LOGIN_RATE: '1000000',
  CIM_LOG_LEVEL: 'warn',
  CIM_IDLE_TIMEOUT_MS: String(Math.max(30_000, Math.round(2_000 * pingS))),
  NODE_OPTIONS: `--import ${PRELOAD_GC}${profile === '' ? '' : ` --import ${PRELOAD_PROFILE}`}`,
  ...(profile === '' ? {} : { BENCH_PROFILE: resolve(profile) }),
});

type Settings = ReturnType<typeof settingsOf>;

const ZOOKEEPER_JAR = '/usr/share/java/zookeeper.jar';

export async function openTarget(options: Options): Promise<Target> {
  if (options.route !== '')
    return {
      routeUrl: options.route,
      description: options.route,
      processes: options.pids.map((pid) => ({ name: 'server', pid, collects: false })),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const settings = settingsOf(options);
  if (options.cluster && options.wire === 'tls') throw new Error('--wire tls measures a standalone server');
  return options.cluster
    ? startCluster(options.imServers, settings)
    : startStandalone(settings, options.wire === 'tls');
}

async function startStandalone(settings: Settings, secured: boolean): Promise<Target> {
  const directory = await mkdtemp(join(tmpdir(), 'cim-bench-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const server = await ServerProcess.start(
      'standalone',
      {
        ...settings,
        CIM_DATA_DIR: join(directory, 'data'),
        // Plain beside TLS: the load asks the route without it.
        ...(secured && { ...writeTlsFiles(directory, new TestAuthority()).env, CIM_INSECURE: 'true' }),
      },
      Infinity,
    );
    return {
      routeUrl: server.routeUrl.replace('https:', 'http:'),
      description: 'standalone: one process, embedded store on disk',
      processes: [{ name: 'standalone', pid: server.pid, collects: true }],
      [Symbol.asyncDispose]: async () => {
        await server.end('SIGTERM');
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function startCluster(imServers: number, settings: Settings): Promise<Target> {
  if (spawnSync('redis-server', ['--version']).error !== undefined)
    throw new Error('a cluster needs redis-server and redis-cli: install Redis');
  if (spawnSync('java', ['-version']).error !== undefined || !existsSync(ZOOKEEPER_JAR))
    throw new Error(`a cluster needs ZooKeeper: java, and ${ZOOKEEPER_JAR}`);
  const cluster = await Cluster.start({ routes: 1, imServers, env: settings, heldAtMostMs: Infinity });
  const named = (name: string, servers: readonly ServerProcess[]) =>
    servers.map(({ pid }) => ({ name, pid, collects: true }));
  return {
    routeUrl: cluster.routes[0]?.routeUrl ?? '',
    description: `cluster: 1 route, ${imServers} im-servers, Redis with appendfsync always, ZooKeeper`,
    redis: cluster.redis.url,
    processes: [
      ...named('im-server', cluster.imServers),
      ...named('route', cluster.routes),
      { name: 'redis', pid: cluster.redis.pid, collects: false },
    ],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...cluster.routes, ...cluster.imServers].map((server) => server.end('SIGTERM')));
      await cluster[Symbol.asyncDispose]();
    },
  };
}
