import { SLICE_MS } from './slice-ms.ts';
import { warnOf } from './unexpected.ts';

/** Something with one timeout at a time. */
export interface WheelEntry {
  onTimeout(): void;
  /** The wheel's own; made at the first `schedule` and used again by all later ones. */
  [LINK]?: WheelLink;
}

export interface TimingWheelOptions {
  readonly tickMs?: number;
  /** Timeouts of up to `tickMs * slots` are looked at once, longer ones once more per turn of the wheel. */
  readonly slots?: number;
  /** Monotonic, ms. */
  readonly now?: () => number;
  /** What an `onTimeout` threw; the other entries are served all the same. */
  readonly onUnexpected?: (error: unknown) => void;
}

const LINK = Symbol('wheel link');

/** A place in one slot's ring; a ring begins and ends at a link without an entry. */
class WheelLink {
  readonly entry: WheelEntry | undefined;
  prev: WheelLink = this;
  next: WheelLink = this;
  /** The tick it fires at. */
  due = 0;

  constructor(entry?: WheelEntry) {
    this.entry = entry;
  }

  remove(): void {
    this.prev.next = this.next;
    this.next.prev = this.prev;
    this.prev = this;
    this.next = this;
  }

  /** At the end of the ring that begins at `head`. */
  insert(head: WheelLink): void {
    this.prev = head.prev;
    this.next = head;
    head.prev.next = this;
    head.prev = this;
  }
}

/**
 * One coarse wheel for all timers of connections: O(1) to set, move and cancel, nothing allocated but at an entry's
 * first use, one real timer. One per process. A timeout never fires early and at most one tick late.
 */
export class TimingWheel {
  readonly #tickMs: number;
  readonly #now: () => number;
  readonly #onUnexpected: (error: unknown) => void;
  readonly #slots: readonly WheelLink[];
  readonly #origin: number;
  /** All ticks up to this one have been served. */
  #tick = 0;
  #time: number;
  /** What is due and has not fired yet, in its order. */
  readonly #firing = new WheelLink();
  #fires: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;

  constructor(options: TimingWheelOptions = {}) {
    this.#tickMs = options.tickMs ?? 250;
    this.#now = options.now ?? (() => performance.now());
    this.#onUnexpected = options.onUnexpected ?? warnOf;
    this.#slots = Array.from({ length: options.slots ?? 256 }, () => new WheelLink());
    this.#origin = this.#now();
    this.#time = this.#origin;
  }

  /** Keeps the process alive until `stop`. Idempotent. */
  start(): void {
    // Not in the timers' own phase but after the sockets were read, and by the time before that: when this process was
    // paused, or worked on something long, what came meanwhile is heard before anybody is found to be silent.
    this.#timer ??= setInterval(() => {
      const time = this.#now();
      this.#soon ??= setImmediate(() => {
        this.#soon = undefined;
        this.advance(time);
      });
    }, this.#tickMs);
  }

  /** Nothing fires any more; `start` goes on. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#soon);
    clearImmediate(this.#fires);
    this.#fires = undefined;
    this.#timer = undefined;
    this.#soon = undefined;
  }

  /** Sets or moves the entry's one timeout; Infinity is never. */
  schedule(entry: WheelEntry, delayMs: number): void {
    let link = entry[LINK];
    if (link === undefined) entry[LINK] = link = new WheelLink(entry);
    else link.remove();
    if (delayMs === Number.POSITIVE_INFINITY) return;
    const due = Math.ceil((this.#now() - this.#origin + delayMs) / this.#tickMs);
    link.due = Math.max(due, this.#tick + 1);
    link.insert(this.#slots[link.due % this.#slots.length] as WheelLink);
  }

  cancel(entry: WheelEntry): void {
    entry[LINK]?.remove();
  }

  /**
   * ms, of the wheel's clock: for an `onTimeout` the time to judge silence by. All that had come by then was read, which
   * is not so for the present.
   */
  get time(): number {
    return this.#time;
  }

  /**
   * Fires what is due: at once, or in slices when it takes long, since thousands of connections may be due in one tick.
   * The wheel's timer calls it, or a test with a clock of its own.
   */
  advance(time: number = this.#now()): void {
    const tick = Math.floor((time - this.#origin) / this.#tickMs);
    const slots = Math.min(tick - this.#tick, this.#slots.length);
    // Set before anything fires: what is scheduled meanwhile belongs to a later tick.
    this.#tick = Math.max(tick, this.#tick);
    this.#time = time;
    for (let at = tick - slots + 1; at <= tick; at++)
      this.#collect(this.#slots[at % this.#slots.length] as WheelLink, tick);
    this.#fire();
  }

  /** Moves what is due to a ring of its own: an onTimeout may set and cancel any entry. */
  #collect(slot: WheelLink, tick: number): void {
    for (let link = slot.next; link !== slot; ) {
      const next = link.next;
      if (link.due <= tick) {
        link.remove();
        link.insert(this.#firing);
      }
      link = next;
    }
  }

  #fire(): void {
    const begun = performance.now();
    while (this.#firing.next !== this.#firing) {
      if (performance.now() - begun >= SLICE_MS) {
        this.#fires ??= setImmediate(() => {
          this.#fires = undefined;
          this.#fire();
        });
        return;
      }
      const { entry } = this.#firing.next;
      this.#firing.next.remove();
      try {
        entry?.onTimeout();
      } catch (error) {
        this.#onUnexpected(error);
      }
    }
  }
}
