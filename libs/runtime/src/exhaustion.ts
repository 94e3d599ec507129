/**
 * Watches how much of files and memory this process uses. It warns before they run out, and says how much is left,
 * so that servers can give up the least valuable first: idle HTTP connections, then strangers.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { gaugeBy } from './gauges.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { type OpenConnections, openFilesLimit } from './open-files.ts';

/**
 * `files`: open files. `connections`: accepted connections, as a share of what the limit of open files leaves
 * room for. `heap`: objects of JavaScript. `memory`: what the process holds of the machine's memory.
 */
type Resource = 'files' | 'connections' | 'heap' | 'memory';
/** The used share of each resource, 0 to 1. */
type Used = Readonly<Partial<Record<Resource, number>>>;

/** `low`: idle HTTP connections are closed. `scarce`: strangers are refused too, before users who are logged in. */
export const SUPPLIES = ['enough', 'low', 'scarce'] as const;
export type Supply = (typeof SUPPLIES)[number];

/** How much this process has left. Servers that give something up when it is little listen here. */
export interface Supplies {
  readonly supply: Supply;
  /** Calls the listener within the turn in which the supply changes. */
  onSupply(changed: (supply: Supply) => void): void;
}

/** A process in which nothing runs low, for tests. */
export const ample: Supplies = { supply: 'enough', onSupply: () => undefined };

const LOOK_MS = 1_000;
const LOW_AT = 0.8;
const SCARCE_AT = 0.9;
/** A resource is scarce until its share is below this. The distance keeps each connection from changing it. */
const NOT_SCARCE_AT = 0.85;
/** A resource is low until its share is below this, and is warned about again only after that. */
const ENOUGH_AT = 0.7;

const HOW: Readonly<Record<Resource, string>> = {
  files: 'raise the limit of open files (ulimit -n, LimitNOFILE), or add servers',
  connections: 'raise the limit of open files (ulimit -n, LimitNOFILE), or add servers',
  heap: 'give Node more (NODE_OPTIONS=--max-old-space-size=...), or add servers',
  memory: 'give the process more memory, or add servers',
};
/** The process gives up that much, in words for the log. */
const GIVES_UP: Readonly<Record<Supply, string>> = {
  enough: 'nothing',
  low: 'idle HTTP connections are closed after 1 s',
  scarce: 'idle HTTP connections are closed after 1 s; who is not logged in is refused',
};

export class Exhaustion implements Supplies {
  readonly #logger: Pick<Logger, 'warn' | 'info'>;
  readonly #read: () => Used;
  /** Resources of which there is not enough. A resource is removed when there is enough again. */
  readonly #short = new Map<Resource, Exclude<Supply, 'enough'>>();
  readonly #changed: ((supply: Supply) => void)[] = [];
  #supply: Supply = 'enough';

  constructor(logger: Pick<Logger, 'warn' | 'info'>, read: () => Used) {
    this.#logger = logger;
    this.#read = read;
  }

  get supply(): Supply {
    return this.#supply;
  }

  onSupply(changed: (supply: Supply) => void): void {
    this.#changed.push(changed);
  }

  /** Reads all shares and notes each. */
  look(): void {
    for (const [name, used] of Object.entries(this.#read()) as [Resource, number][]) this.note(name, used);
  }

  /** One warning for each time that a resource runs low, and one when it becomes scarce. */
  note(name: Resource, used: number): void {
    const before = this.#short.get(name) ?? 'enough';
    const now = supplyOf(used, before);
    if (now === before) return;
    if (now === 'enough') this.#short.delete(name);
    else this.#short.set(name, now);
    if (SUPPLIES.indexOf(now) > SUPPLIES.indexOf(before)) {
      const percent = Math.round(used * 100);
      const gives = GIVES_UP[now];
      this.#logger.warn({ resource: name, percent, how: HOW[name], gives }, 'process.runs-low');
    }
    this.#tell();
  }

  #tell(): void {
    const short = [...this.#short.values()];
    const supply = short.includes('scarce') ? 'scarce' : short.length > 0 ? 'low' : 'enough';
    if (supply === this.#supply) return;
    this.#supply = supply;
    if (supply === 'enough') this.#logger.info({}, 'process.has-enough');
    for (const changed of this.#changed) changed(supply);
  }
}

function supplyOf(used: number, before: Supply): Supply {
  if (used >= SCARCE_AT || (before === 'scarce' && used >= NOT_SCARCE_AT)) return 'scarce';
  return used >= LOW_AT || (before !== 'enough' && used >= ENOUGH_AT) ? 'low' : 'enough';
}

/**
 * Starts the watch of a server: warnings, the supply, and the shares as metrics. The timer does not keep the
 * process alive.
 */
export function watchExhaustion(
  logger: Logger,
  metrics: Metrics,
  connections: Pick<OpenConnections, 'share' | 'onShare'>,
): Supplies {
  const filesLimit = openFilesLimit();
  const exhaustion = new Exhaustion(logger, () => readUsed(filesLimit));
  exhaustion.look();
  setInterval(() => exhaustion.look(), LOOK_MS).unref();
  // They come by thousands a second: each counts at once.
  connections.onShare((share) => exhaustion.note('connections', share));
  gaugeBy(
    metrics,
    'cim_resource_used_ratio',
    'Share of what the system lets the process have that is in use, 0 to 1',
    'resource',
    () => ({ ...readUsed(filesLimit), connections: connections.share }),
  );
  return exhaustion;
}

/**
 * Reads the used shares. @param filesLimit how many files the process may have open. The caller asks once:
 * asking is slow, and the limit does not change
 */
export function readUsed(filesLimit: number): Record<Exclude<Resource, 'connections'>, number> {
  const { used_heap_size: heap, heap_size_limit: heapLimit } = getHeapStatistics();
  // Without a limit the system answers 0, or more than the machine has.
  const limit = process.constrainedMemory() || totalmem();
  return {
    files: openFiles() / filesLimit,
    heap: heap / heapLimit,
    memory: memoryHeld() / Math.min(limit, totalmem()),
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

/**
 * The memory that the process holds [bytes]. Pages of files do not count: the embedded store maps its files, up to
 * 2 GB of them, and Linux takes these pages back as soon as others need room. Elsewhere all resident memory counts.
 */
function memoryHeld(): number {
  let status = '';
  try {
    status = readFileSync('/proc/self/status', 'latin1');
  } catch {
    // Not Linux.
  }
  let kib = 0;
  for (const [, amount] of status.matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)) kib += Number(amount);
  return kib > 0 ? kib * 1_024 : process.memoryUsage.rss();
}
