import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOOP_HELD } from '@cim/runtime';
import { endWithUs } from './own-processes.ts';
import { upOrDown } from './parts.ts';
import { until } from './until.ts';

/**
 * A server that held its event loop for longer than this [ms of CPU time] fails the test that ends it. It is
 * twice the promised 50 ms, since two processes on one core slow each other down.
 */
const HELD_AT_MOST_MS = 100;

export type Program = 'route' | 'im-server' | 'relay' | 'standalone';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The line that a program prints when it serves. */
const SAID: { readonly [P in Program]: RegExp } = {
  route: /route has its metrics.*\n/,
  standalone: /route has its metrics.*\n/,
  'im-server': /im-server stores/,
  relay: /relay reads events/,
};

/** One of our programs as a process, built into `dist/`. */
export class ServerProcess {
  readonly #program: Program;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #heldAtMostMs: number;
  #out = '';
  #log = '';

  private constructor(program: Program, child: ChildProcess, heldAtMostMs: number) {
    this.#program = program;
    this.#child = child;
    this.#heldAtMostMs = heldAtMostMs;
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  /**
   * Starts a program. Resolves when it listens; ports are free ones unless `env` names others.
   * @param heldAtMostMs how long it may hold its event loop; Infinity for tests with extreme load
   * @param openFiles how many files it may have open; absent: as many as this process
   * @param root folder of the sources whose build runs: these, or those of an older version
   */
  static async start(
    program: Program,
    env: Readonly<Record<string, string>>,
    heldAtMostMs = HELD_AT_MOST_MS,
    openFiles?: number,
    root = ROOT,
  ): Promise<ServerProcess> {
    const server = ServerProcess.launch(program, env, heldAtMostMs, openFiles, root);
    return upOrDown(server, server.listens());
  }

  /** Starts a program without waiting, for one that cannot listen yet. */
  static launch(
    program: Program,
    env: Readonly<Record<string, string>>,
    heldAtMostMs = HELD_AT_MOST_MS,
    openFiles?: number,
    root = ROOT,
  ): ServerProcess {
    const file = join(root, 'dist', `${program}.js`);
    const ports = {
      ...{ CIM_ROUTE_PORT: '0', CIM_ROUTE_INTERNAL_PORT: '0' },
      ...{ CIM_TCP_PORT: '0', CIM_HTTP_PORT: '0' },
      // Older versions know no relay, and refuse a setting that they do not know.
      ...((program === 'relay' || program === 'standalone') && { CIM_RELAY_PORT: '0' }),
    };
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CIM_')));
    const command: readonly [string, ...string[]] =
      openFiles === undefined
        ? [process.execPath, file]
        : ['sh', '-c', `ulimit -n ${openFiles}; exec "$0" "$1"`, process.execPath, file];
    const child = spawn(command[0], command.slice(1), {
      env: { ...own, CIM_LOG_LEVEL: 'info', ...ports, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endWithUs(child);
    return new ServerProcess(program, child, heldAtMostMs);
  }

  /** Resolves when it listens. */
  listens(): Promise<void> {
    return until(`${this.#program} listens`, () => {
      const said = SAID[this.#program];
      if (said.test(this.#out)) return true;
      if (this.ended) throw new Error(`${this.#program} ended: ${this.#log}`);
      return false;
    });
  }

  /** Everything that it printed on standard output. */
  get output(): string {
    return this.#out;
  }

  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** `http://host:port` of the route in it. */
  get routeUrl(): string {
    return /route listening on (\S+)/.exec(this.#out)?.[1] ?? '';
  }

  /** `http://host:port` of the internal port of the route in it. */
  get routeInternalUrl(): string {
    return /route has its metrics.* on (\S+)/.exec(this.#out)?.[1] ?? '';
  }

  /** `http://host:port` of the relay. */
  get relayUrl(): string {
    return /relay has its metrics on (\S+)/.exec(this.#out)?.[1] ?? '';
  }

  get tcpPort(): number {
    return Number(/listening on tcp \S+:(\d+)/.exec(this.#out)?.[1]);
  }

  get httpPort(): number {
    return Number(/internal http \S+:(\d+)/.exec(this.#out)?.[1]);
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /**
   * Ends the process. Answers the exit code, null when a signal ended it.
   * @throws {Error} when the server held its event loop for too long
   */
  async end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGHUP' = 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    child.kill(signal);
    // `exit` would be too early: the log must be read to its end.
    await this.#closed;
    const held = this.#log.split('\n').filter((line) => isTooLong(line, this.#heldAtMostMs));
    if (held.length > 0) throw new Error(`a server held its event loop:\n${held.join('\n')}`);
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/**
 * Whether a log line says that the event loop was held for more than `mostMs`. What comes in while the machine runs
 * other processes is worked off in one go afterwards: twice as long is allowed when they had most of the time.
 */
function isTooLong(line: string, mostMs: number): boolean {
  if (!line.includes(`"msg":"${LOOP_HELD}"`)) return false;
  const { heldMs, lateMs } = JSON.parse(line) as { heldMs: number; lateMs: number };
  return heldMs > (heldMs < lateMs / 2 ? 2 * mostMs : mostMs);
}
