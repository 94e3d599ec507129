import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';
import { endWithUs } from './own-processes.ts';
import { Parts, upOrDown } from './parts.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** Flags that the durability mode `disk` needs. */
const DURABLE = [
  '--appendonly',
  'yes',
  '--appendfsync',
  'always',
  '--save',
  '',
  '--maxmemory-policy',
  'noeviction',
];

/** Longest time until all nodes of a Cluster have met [ms]. */
const CREATED_MS = 60_000;

/** Times in the append-only file: when a key expires, and until when a login waits for its claim. */
const LAPSES_AT = /(?<=\r\n(?:PXAT|PEXPIREAT\r\n\$\d+\r\n[^\r]+)\r\n\$13\r\n|"till":")\d{13}(?=\r\n|")/gi;

/** A master serves its first replica without waiting for more. */
export const PROMPT = ['--repl-diskless-sync-delay', '0'];

/** A real Redis on a free port of 127.0.0.1, which can be killed, frozen and started again on the same data. */
export class RedisProcess {
  readonly port: number;
  readonly #directory: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, directory: string, flags: readonly string[]) {
    this.port = port;
    this.#directory = directory;
    this.#flags = flags;
  }

  /** Later flags win. */
  static async start(flags: readonly string[] = []): Promise<RedisProcess> {
    const [port = 0] = await freePorts(1);
    const redis = new RedisProcess(port, await mkdtemp(join(tmpdir(), 'cim-redis-')), [...DURABLE, ...flags]);
    return upOrDown(redis, redis.start());
  }

  /** Starts three masters that share the slots, and this many replicas of each. */
  static startCluster(replicas = 0): Promise<RedisProcess[]> {
    const flags = [...PROMPT, '--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
    return Parts.start(async (parts) => {
      const nodes = await parts.addAll(
        Array.from({ length: 3 + 3 * replicas }, () => () => RedisProcess.start(flags)),
      );
      const addresses = nodes.map((node) => `127.0.0.1:${node.port}`);
      const options = ['--cluster-replicas', String(replicas), '--cluster-yes'];
      await run('redis-cli', ['--cluster', 'create', ...addresses, ...options], { timeout: CREATED_MS });
      for (const node of nodes)
        await until('the cluster is whole', async () =>
          /cluster_state:ok/.test(await node.cli('cluster', 'info')),
        );
      for (const master of nodes.slice(0, 3))
        await until('the replicas are in step', async () => {
          const online = (await master.cli('INFO', 'replication')).match(/state=online/g);
          return (online?.length ?? 0) === replicas;
        });
      return nodes;
    });
  }

  /** 0 while it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(flags: readonly string[] = []): Promise<void> {
    this.#child = spawn(
      'redis-server',
      [
        '--port',
        String(this.port),
        '--bind',
        '127.0.0.1',
        '--dir',
        this.#directory,
        ...this.#flags,
        ...flags,
      ],
      { stdio: 'ignore' },
    );
    endWithUs(this.#child);
    await until('Redis answers', async () => (await this.cli('ping').catch(() => '')).trim() === 'PONG');
  }

  async cli(...words: readonly string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', String(this.port), ...words], { timeout: 2_000 });
    return stdout;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Kills it with -9: data that is not on disk is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /**
   * Kills and starts it like a machine whose clock is behind after a power cut: everything on the disk that
   * lapses at a time (ms since 1970) lapses `ms` later for that clock.
   */
  async restartWithClockBehind(ms: number): Promise<void> {
    await this.kill();
    const folder = join(this.#directory, 'appendonlydir');
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.incr.aof')) continue;
      const log = await readFile(join(folder, name), 'latin1');
      const later = log.replace(LAPSES_AT, (time) => String(Number(time) + ms));
      await writeFile(join(folder, name), later, 'latin1');
    }
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
