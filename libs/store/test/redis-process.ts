import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { until } from '../src/contract-fixture.ts';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction'];

/** A real redis-server on a free port of 127.0.0.1, to be killed, hung and started again on its data. */
export class RedisProcess {
  readonly port: number;
  readonly #args: readonly string[];
  readonly #directory: string;
  #child: ChildProcess | undefined;

  private constructor(port: number, directory: string, args: readonly string[]) {
    this.port = port;
    this.#directory = directory;
    this.#args = args;
  }

  /** Durable on disk, unless the arguments after it say otherwise. */
  static async start(...args: readonly string[]): Promise<RedisProcess> {
    const [port = 0] = await freePorts(1);
    const server = new RedisProcess(port, await mkdtemp(join(tmpdir(), 'cim-redis-')), args);
    await server.start();
    return server;
  }

  /** Three masters without replicas that serve all slots. */
  static async startCluster(): Promise<RedisProcess[]> {
    const masters = await Promise.all([0, 1, 2].map(() => RedisProcess.start('--cluster-enabled', 'yes')));
    await runRedisCli('--cluster', 'create', ...masters.map((master) => master.address), '--cluster-yes');
    const ok = async (m: RedisProcess) => (await m.ask('CLUSTER', 'INFO')).includes('cluster_state:ok');
    await until('the cluster serves', async () => (await Promise.all(masters.map(ok))).every(Boolean));
    return masters;
  }

  /** A Sentinel that watches `master` as `cim`. */
  static async startSentinel(master: RedisProcess): Promise<RedisProcess> {
    const sentinel = await RedisProcess.start('--sentinel');
    await sentinel.ask('SENTINEL', 'MONITOR', 'cim', '127.0.0.1', String(master.port), '1');
    return sentinel;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const sentinel = this.#args.includes('--sentinel');
    const config = join(this.#directory, 'redis.conf');
    await mkdir(this.#directory, { recursive: true });
    const where = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#directory];
    const child = spawn(
      'redis-server',
      sentinel ? [await emptyFile(config), ...where, '--sentinel'] : [...where, ...DURABLE, ...this.#args],
      { stdio: 'ignore' },
    );
    this.#child = child;
    await until('Redis serves', async () => /PONG|NOAUTH/.test(await this.ask('PING').catch(() => '')));
  }

  /** What redis-cli prints for a command. */
  ask(...command: readonly string[]): Promise<string> {
    return runRedisCli('-p', String(this.port), ...command);
  }

  /** Stands still with its connections open, as in a long pause of its machine. */
  hang(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

async function emptyFile(path: string): Promise<string> {
  await writeFile(path, '');
  return path;
}

async function runRedisCli(...args: readonly string[]): Promise<string> {
  const child = spawn('redis-cli', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  return (await Promise.all([text(child.stdout), text(child.stderr)])).join('').trim();
}

/** Also leaves room for the port of a Cluster's bus, which is 10,000 higher. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 25_000);
    if (!ports.includes(port) && (await isFree(port)) && (await isFree(port + 10_000))) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
