/** Watches what the system lets this process have, and says in one line that it runs low before anything fails. */
import { readdirSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { gaugeBy } from './gauges.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { openFilesLimit } from './open-files.ts';

/** `files`: open files and connections. `heap`: objects of JavaScript. `memory`: all that the process has resident. */
type Resource = 'files' | 'heap' | 'memory';
/** How much of each is in use, 0 to 1. */
type Used = Readonly<Record<Resource, number>>;

const LOOK_MS = 5_000;
const WARN_AT = 0.8;
/** A new warning needs a fall below this first. */
const CALM_AT = 0.7;

const HOW: Readonly<Record<Resource, string>> = {
  files: 'raise the limit of open files (ulimit -n, LimitNOFILE), or add servers',
  heap: 'give Node more (NODE_OPTIONS=--max-old-space-size=...), or add servers',
  memory: 'give the process more memory, or add servers',
};

export class Exhaustion {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #read: () => Used;
  /** Warned about, and not calm since. */
  readonly #low = new Set<Resource>();

  constructor(logger: Pick<Logger, 'warn'>, read: () => Used) {
    this.#logger = logger;
    this.#read = read;
  }

  /** One warning for each time that a resource runs low. */
  look(): void {
    for (const [name, used] of Object.entries(this.#read()) as [Resource, number][]) {
      if (used < CALM_AT) this.#low.delete(name);
      if (used < WARN_AT || this.#low.has(name)) continue;
      this.#low.add(name);
      const percent = Math.round(used * 100);
      this.#logger.warn({ resource: name, percent, how: HOW[name] }, 'process.runs-low');
    }
  }
}

/** A server's watch: a warning at 80 %, and the shares in its metrics. Keeps no process alive. */
export function watchExhaustion(logger: Logger, metrics: Metrics): void {
  const filesLimit = openFilesLimit();
  const exhaustion = new Exhaustion(logger, () => readUsed(filesLimit));
  exhaustion.look();
  setInterval(() => exhaustion.look(), LOOK_MS).unref();
  gaugeBy(
    metrics,
    'cim_resource_used_ratio',
    'Share of what the system lets the process have that is in use, 0 to 1',
    'resource',
    () => ({ ...readUsed(filesLimit) }),
  );
}

/** @param filesLimit how many files the process may have open: asking for it takes long, and it stays */
export function readUsed(filesLimit: number): Used {
  const { used_heap_size: heap, heap_size_limit: heapLimit } = getHeapStatistics();
  // Without a limit the system answers a number beyond all memory, or 0.
  const limit = process.constrainedMemory() || totalmem();
  return {
    files: openFiles() / filesLimit,
    heap: heap / heapLimit,
    memory: process.memoryUsage.rss() / Math.min(limit, totalmem()),
  };
}

/** Linux tells their number as the size of the folder, since 6.2. Elsewhere 0: nothing is known. */
function openFiles(): number {
  try {
    const { size } = statSync('/proc/self/fd');
    return size > 0 ? size : readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
