import { SLICE_MS } from './slice-ms.ts';
import { warnOf } from './unexpected.ts';

/** An object with one timeout at a time. */
export interface WheelEntry {
  onTimeout(): void;
  /** Owned by the wheel: made at the first `schedule` and used again by all later ones. */
  [LINK]?: WheelLink;
}

export interface TimingWheelOptions {
  readonly tickMs?: number;
  /**
   * Number of slots. A timeout of up to `tickMs * slots` is visited once; a longer one once more per
   * revolution of the wheel.
   */
  readonly slots?: number;
  /** The time of a monotonic clock [ms]. */
  readonly now?: () => number;
  /** Called with the error that an `onTimeout` threw. The other entries are served all the same. */
  readonly onUnexpected?: (error: unknown) => void;
}

const LINK = Symbol('wheel link');

/** A place in the ring of one slot. A ring begins and ends at a link without an entry. */
class WheelLink {
  readonly entry: WheelEntry | undefined;
  prev: WheelLink = this;
  next: WheelLink = this;
  /** The tick at which it fires. */
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

  /** Inserts this link at the end of the ring that begins at `head`. */
  insert(head: WheelLink): void {
    this.prev = head.prev;
    this.next = head;
    head.prev.next = this;
    head.prev = this;
  }
}

/**
 * One coarse wheel for all timers of connections, one per process. Setting, moving and cancelling are O(1).
 * Memory is allocated only at an entry's first use, and there is one real timer. A timeout never fires early,
 * and at most one tick late.
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
  /** Entries that are due and have not fired yet, in order. */
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

  /** Starts the timer, which keeps the process alive until `stop`. Idempotent. */
  start(): void {
    // The callback runs after the sockets were read, and judges by the time before that read. After a pause
    // of the process, bytes that came meanwhile are heard before any channel is found silent.
    this.#timer ??= setInterval(() => {
      const time = this.#now();
      this.#soon ??= setImmediate(() => {
        this.#soon = undefined;
        this.advance(time);
      });
    }, this.#tickMs);
  }

  /** Stops the timer: nothing fires until the next `start`. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#soon);
    clearImmediate(this.#fires);
    this.#fires = undefined;
    this.#timer = undefined;
    this.#soon = undefined;
  }

  /** Sets or moves the entry's one timeout. Infinity means never. */
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
   * The time of the wheel's clock [ms]. An `onTimeout` judges silence by it: all bytes that had come by then
   * were read, which is not so for the present time.
   */
  get time(): number {
    return this.#time;
  }

  /**
   * Fires the entries that are due, in slices when they are many: thousands of connections may be due in one
   * tick. The wheel's timer calls it, or a test with its own clock.
   */
  advance(time: number = this.#now()): void {
    const tick = Math.floor((time - this.#origin) / this.#tickMs);
    const slots = Math.min(tick - this.#tick, this.#slots.length);
    // Set before anything fires, so that entries scheduled meanwhile belong to a later tick.
    this.#tick = Math.max(tick, this.#tick);
    this.#time = time;
    for (let at = tick - slots + 1; at <= tick; at++)
      this.#collect(this.#slots[at % this.#slots.length] as WheelLink, tick);
    this.#fire();
  }

  /** Moves due entries to a ring of their own, since an `onTimeout` may set and cancel any entry. */
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
