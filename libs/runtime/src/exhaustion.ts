/** Watches how much of files and memory this process uses, and warns in one line before it runs out. */
import { readdirSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { gaugeBy } from './gauges.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { openFilesLimit } from './open-files.ts';

/**
 * `files`: open files and connections. `heap`: objects of JavaScript. `memory`: all resident memory of the
 * process.
 */
type Resource = 'files' | 'heap' | 'memory';
/** The used share of each resource, 0 to 1. */
type Used = Readonly<Record<Resource, number>>;

const LOOK_MS = 5_000;
const WARN_AT = 0.8;
/** A resource is warned about again only after its share was below this. */
const CALM_AT = 0.7;

const HOW: Readonly<Record<Resource, string>> = {
  files: 'raise the limit of open files (ulimit -n, LimitNOFILE), or add servers',
  heap: 'give Node more (NODE_OPTIONS=--max-old-space-size=...), or add servers',
  memory: 'give the process more memory, or add servers',
};

export class Exhaustion {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #read: () => Used;
  /** Resources with a warning that have not been below `CALM_AT` since. */
  readonly #low = new Set<Resource>();

  constructor(logger: Pick<Logger, 'warn'>, read: () => Used) {
    this.#logger = logger;
    this.#read = read;
  }

  /** Reads all shares, and warns once for each time that a resource runs low. */
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

/**
 * Starts the watch of a server: a warning at 80 %, and the shares as metrics. The timer does not keep the
 * process alive.
 */
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

/**
 * Reads the used shares. @param filesLimit how many files the process may have open. The caller asks once:
 * asking is slow, and the limit does not change
 */
export function readUsed(filesLimit: number): Used {
  const { used_heap_size: heap, heap_size_limit: heapLimit } = getHeapStatistics();
  // Without a limit the system answers 0, or more than the machine has.
  const limit = process.constrainedMemory() || totalmem();
  return {
    files: openFiles() / filesLimit,
    heap: heap / heapLimit,
    memory: process.memoryUsage.rss() / Math.min(limit, totalmem()),
  };
}

/** The number of open files. Linux since 6.2 tells it as the size of a folder. Elsewhere 0: unknown. */
function openFiles(): number {
  try {
    const { size } = statSync('/proc/self/fd');
    return size > 0 ? size : readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
