/** The server that is fuzzed: a real standalone process. Its log and memory are watched. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limitEnv, LIMITS, type LimitName, LOOP_HELD } from '@cim/runtime';
import { ServerProcess, until } from '@cim/testkit';

export const ADMIN_TOKEN = 'an admin token of 32 characters.';
export const CLUSTER_SECRET = 'a cluster secret of 32 characters';
const COLLECTOR = fileURLToPath(new URL('collect.mjs', import.meta.url));
/** Number of collections. The least counts, since memory that one life holds for a moment is no growth. */
const SAMPLES = 6;
const COLLECTED = /"msg":"memory\.collected"/;
const MIB = 1_048_576;
/**
 * Longest CPU time that may hold the event loop [ms]. It is far above the promised 50 ms, since the load has
 * no bounds and garbage is collected too.
 */
const HELD_AT_MOST_MS = 250;

/** Names of log lines that only a fault of ours writes. */
const FAULTS = /"msg":"(process\.unexpected|channel\.unexpected|request\.failed|process\.stop-failed)"/;
/** pino's levels: error, fatal. */
const GRAVE = /"level":(50|60|"error"|"fatal")/;

/** Limits would refuse most requests before any code has read them. */
const WITHOUT_LIMITS: Readonly<Record<string, string>> = {
  ...Object.fromEntries((Object.keys(LIMITS) as LimitName[]).map((name) => [limitEnv(name), 'off'])),
  CIM_LOGIN_RATE: '1000000',
};

/** What the process holds once its garbage is collected [MiB]. */
export interface Memory {
  /** Objects of JavaScript. */
  readonly heap: number;
  /** Buffers outside of the heap, of any kind. */
  readonly external: number;
  /** The part of `external` that JavaScript has made. */
  readonly arrayBuffers: number;
  /**
   * All memory that the system counts: also code, the caches of the store, and what allocators keep for
   * later.
   */
  readonly resident: number;
}

/** Memory in use by our objects and buffers. */
export const inUse = ({ heap, external }: Memory): number => heap + external;

export class FuzzedServer implements AsyncDisposable {
  readonly process: ServerProcess;
  readonly #dir: string;
  #read = 0;
  /** Set while a requested collection holds the event loop. */
  #collecting = false;
  #pending: string[] = [];

  private constructor(process: ServerProcess, dir: string) {
    this.process = process;
    this.#dir = dir;
  }

  static async start(withLimits: boolean): Promise<FuzzedServer> {
    const dir = mkdtempSync(join(tmpdir(), 'cim-fuzz-'));
    const server = await ServerProcess.start(
      'standalone',
      {
        CIM_DATA_DIR: dir,
        CIM_SESSION_POLICY: 'devices',
        CIM_ADMIN_TOKEN: ADMIN_TOKEN,
        CIM_CLUSTER_SECRET: CLUSTER_SECRET,
        NODE_OPTIONS: `--import ${COLLECTOR}`,
        // Without this setting no limit by address holds for loopback.
        ...(withLimits ? { CIM_ALLOW_LIST: 'none' } : WITHOUT_LIMITS),
      },
      // This class checks how long the event loop is held, since a requested collection holds it too.
      Infinity,
    );
    await until('all ports are named', () => Number.isInteger(server.httpPort));
    return new FuzzedServer(server, dir);
  }

  /** Faults in the log since the last call. */
  faults(): readonly string[] {
    const { log, ended } = this.process;
    const end = log.lastIndexOf('\n') + 1;
    const lines = log.slice(this.#read, end).split('\n');
    this.#read = end;
    const found = lines.filter((line) => FAULTS.test(line) || GRAVE.test(line) || this.#isHeld(line));
    found.unshift(...this.#pending.splice(0));
    return ended ? [...found, `the server has ended; it said last: ${log.slice(-2_000)}`] : found;
  }

  /** Key: name of a log line. Value: how often the log has it. */
  get told(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [, name = ''] of this.process.log.matchAll(/"msg":"([^"]*)"/g))
      counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  async memory(): Promise<Memory> {
    let least: Memory | undefined;
    this.#collecting = true;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const next = await this.#collect();
      if (least === undefined || inUse(next) < inUse(least)) least = next;
    }
    this.#pending.push(...this.faults());
    this.#collecting = false;
    if (least === undefined) throw new Error('no sample');
    return least;
  }

  async #collect(): Promise<Memory> {
    const from = this.process.log.length;
    const said = (): string | undefined =>
      this.process.log
        .slice(from)
        .split('\n')
        .slice(0, -1)
        .find((line) => COLLECTED.test(line));
    globalThis.process.kill(this.process.pid, 'SIGUSR2');
    await until('the server has collected its garbage', () => said() !== undefined);
    const { heapUsed, external, arrayBuffers, rss } = JSON.parse(said() ?? '') as NodeJS.MemoryUsage;
    return {
      ...{ heap: heapUsed / MIB, external: external / MIB },
      ...{ arrayBuffers: arrayBuffers / MIB, resident: rss / MIB },
    };
  }

  #isHeld(line: string): boolean {
    if (this.#collecting || !line.includes(`"msg":"${LOOP_HELD}"`)) return false;
    return (JSON.parse(line) as { heldMs: number }).heldMs > HELD_AT_MOST_MS;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.process.ended) await this.process.end('SIGTERM');
    } finally {
      rmSync(this.#dir, { recursive: true, force: true });
    }
  }
}
