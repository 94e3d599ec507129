import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';
import { endWithUs } from './own-processes.ts';
import { Parts } from './parts.ts';
import { PROMPT, RedisProcess } from './redis-process.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/**
 * A master, two replicas, and three Sentinels that call it `cim` and promote a replica when two of them miss
 * the master.
 */
export class RedisSentinel {
  /** The servers; the first was the master at the start. */
  readonly servers: readonly RedisProcess[];
  readonly url: string;
  readonly #sentinels: readonly Sentinel[];

  private constructor(servers: readonly RedisProcess[], sentinels: readonly Sentinel[]) {
    this.servers = servers;
    this.#sentinels = sentinels;
    this.url = `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/cim`;
  }

  static start(replicas = 2): Promise<RedisSentinel> {
    return Parts.start(async (parts) => {
      const master = await parts.add(() => RedisProcess.start(PROMPT));
      const followers = await parts.addAll(
        Array.from(
          { length: replicas },
          () => () => RedisProcess.start([...PROMPT, '--replicaof', `127.0.0.1 ${master.port}`]),
        ),
      );
      await until('the replicas are in step', async () => {
        const lines = (await master.cli('INFO', 'replication')).match(/state=online/g);
        return lines?.length === replicas;
      });
      const sentinels = await parts.addAll(
        (await freePorts(3)).map((port) => () => Sentinel.start(port, master.port)),
      );
      for (const sentinel of sentinels)
        await until('the Sentinels know everybody', async () => {
          const state = await sentinel.state();
          return (
            state.includes(`\nnum-slaves\n${replicas}\n`) && state.includes('\nnum-other-sentinels\n2\n')
          );
        });
      return new RedisSentinel([master, ...followers], sentinels);
    });
  }

  /** The server that the Sentinels name as the master. */
  async master(): Promise<RedisProcess | undefined> {
    const port = Number(/\nport\n(\d+)\n/.exec((await this.#sentinels[0]?.state()) ?? '')?.[1]);
    return this.servers.find((server) => server.port === port);
  }

  /** Promotes a replica. The old master stays up and becomes a replica. */
  async failOver(): Promise<void> {
    await this.#sentinels[0]?.failOver();
  }

  /** Whether all Sentinels name this server, and no failover is under way. */
  async isSettledOn(server: RedisProcess): Promise<boolean> {
    const states = await Promise.all(this.#sentinels.map((sentinel) => sentinel.state()));
    return states.every(
      (state) => state.includes(`\nport\n${server.port}\n`) && !state.includes('failover_in_progress'),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sentinels, ...this.servers].map((each) => each[Symbol.asyncDispose]()));
  }
}

class Sentinel {
  readonly port: number;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(port: number, directory: string, child: ChildProcess) {
    this.port = port;
    this.#directory = directory;
    this.#child = child;
  }

  static async start(port: number, master: number): Promise<Sentinel> {
    const directory = await mkdtemp(join(tmpdir(), 'cim-sentinel-'));
    const configuration = join(directory, 'sentinel.conf');
    // With shorter times Sentinels on a busy machine leave a master that they have just promoted.
    await writeFile(
      configuration,
      `port ${port}\nbind 127.0.0.1\ndir ${directory}\nsentinel monitor cim 127.0.0.1 ${master} 2\n` +
        'sentinel down-after-milliseconds cim 2000\nsentinel failover-timeout cim 6000\n' +
        'sentinel parallel-syncs cim 2\n',
    );
    const child = spawn('redis-server', [configuration, '--sentinel'], { stdio: 'ignore' });
    endWithUs(child);
    return new Sentinel(port, directory, child);
  }

  /** What this Sentinel knows of the master, one word a line; '' while it does not answer. */
  async state(): Promise<string> {
    const words = ['-p', String(this.port), 'SENTINEL', 'MASTER', 'cim'];
    return run('redis-cli', words, { timeout: 2_000 }).then(
      ({ stdout }) => `\n${stdout}`,
      () => '',
    );
  }

  async failOver(): Promise<void> {
    await run('redis-cli', ['-p', String(this.port), 'SENTINEL', 'FAILOVER', 'cim'], { timeout: 2_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    if (this.#child.kill('SIGKILL')) await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }
}
