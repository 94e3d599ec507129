import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LOOP_HELD } from '@cim/runtime';
import { endWithUs } from './own-processes.ts';
import { upOrDown } from './parts.ts';
import { until } from './until.ts';

/**
 * A server that held its event loop for longer [ms of CPU time] fails the test that ends it. Twice the 50 ms that are
 * promised: two processes that share a core slow each other down.
 */
const HELD_AT_MOST_MS = 100;

export type Program = 'route' | 'im-server' | 'relay' | 'standalone';

/** What a program prints once it serves. */
const SAID: { readonly [P in Program]: RegExp } = {
  route: /route has its metrics.*\n/,
  standalone: /route has its metrics.*\n/,
  'im-server': /im-server stores/,
  relay: /relay reads events/,
};

/** One of our programs as a process of its own, built into `dist/`. */
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
   * Resolves when it has said that it listens; ports are free ones unless `env` says otherwise.
   * @param heldAtMostMs how long it may hold its event loop; Infinity where load beyond all bounds is the purpose
   * @param openFiles so many may it have open; as many as this process when it is absent
   */
  static async start(
    program: Program,
    env: Readonly<Record<string, string>>,
    heldAtMostMs = HELD_AT_MOST_MS,
    openFiles?: number,
  ): Promise<ServerProcess> {
    const server = ServerProcess.launch(program, env, heldAtMostMs, openFiles);
    return upOrDown(server, server.listens());
  }

  /** The same, not waited for: for a program that cannot listen yet. */
  static launch(
    program: Program,
    env: Readonly<Record<string, string>>,
    heldAtMostMs = HELD_AT_MOST_MS,
    openFiles?: number,
  ): ServerProcess {
    const file = fileURLToPath(new URL(`../../../dist/${program}.js`, import.meta.url));
    const ports = {
      ...{ CIM_ROUTE_PORT: '0', CIM_ROUTE_INTERNAL_PORT: '0' },
      ...{ CIM_TCP_PORT: '0', CIM_HTTP_PORT: '0', CIM_RELAY_PORT: '0' },
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

  /** Resolves when it has said that it listens. */
  listens(): Promise<void> {
    return until(`${this.#program} listens`, () => {
      const said = SAID[this.#program];
      if (said.test(this.#out)) return true;
      if (this.ended) throw new Error(`${this.#program} ended: ${this.#log}`);
      return false;
    });
  }

  /** All it printed on standard output. */
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
   * Answers the exit code, null when a signal ended it.
   * @throws {Error} when the server held its event loop for too long
   */
  async end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGHUP' = 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    child.kill(signal);
    // Not at `exit`: what it has logged is read to the end.
    await this.#closed;
    const held = this.#log.split('\n').filter((line) => heldMsOf(line) > this.#heldAtMostMs);
    if (held.length > 0) throw new Error(`a server held its event loop:\n${held.join('\n')}`);
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** 0 for a line that says something else. */
function heldMsOf(line: string): number {
  if (!line.includes(`"msg":"${LOOP_HELD}"`)) return 0;
  return (JSON.parse(line) as { heldMs: number }).heldMs;
}
