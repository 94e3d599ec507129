/**
 * One coarse wheel for all timers of connections: O(1) to set and to cancel, nothing allocated, one real timer.
 * A timeout fires at most one tick late and never early.
 */
export interface WheelEntry {
  onTimeout(): void;
}

interface Slotted {
  readonly entry: WheelEntry;
  rounds: number;
}

export class TimingWheel {
  readonly #tickMs: number;
  /** Each slot: entry → rounds left. */
  readonly #slots: Map<WheelEntry, Slotted>[];
  /** Key: entry. Where it is; removed when it fires or is cancelled. */
  readonly #where = new Map<WheelEntry, number>();
  #at = 0;
  #timer: NodeJS.Timeout | undefined;
  #last = 0;
  readonly #now: () => number;

  constructor(options: { readonly tickMs?: number; readonly slots?: number; readonly now?: () => number } = {}) {
    this.#tickMs = options.tickMs ?? 250;
    this.#slots = Array.from({ length: options.slots ?? 256 }, () => new Map());
    this.#now = options.now ?? (() => performance.now());
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#last = this.#now();
    this.#timer = setInterval(() => this.#catchUp(), this.#tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Sets or moves the entry's one timeout. */
  schedule(entry: WheelEntry, delayMs: number): void {
    this.cancel(entry);
    // One more tick: the one under way has begun already.
    const ticks = Math.ceil(delayMs / this.#tickMs) + 1;
    const slot = (this.#at + ticks) % this.#slots.length;
    this.#slots[slot]?.set(entry, { entry, rounds: Math.floor((ticks - 1) / this.#slots.length) });
    this.#where.set(entry, slot);
  }

  cancel(entry: WheelEntry): void {
    const slot = this.#where.get(entry);
    if (slot === undefined) return;
    this.#where.delete(entry);
    this.#slots[slot]?.delete(entry);
  }

  /** As many ticks as time has passed: a paused process does not fall behind for ever. */
  #catchUp(): void {
    const due = Math.min(Math.floor((this.#now() - this.#last) / this.#tickMs), this.#slots.length);
    if (due <= 0) return;
    this.#last = due === this.#slots.length ? this.#now() : this.#last + due * this.#tickMs;
    for (let i = 0; i < due; i++) this.#tick();
  }

  #tick(): void {
    this.#at = (this.#at + 1) % this.#slots.length;
    const slot = this.#slots[this.#at];
    if (slot === undefined) return;
    for (const slotted of [...slot.values()]) {
      if (slotted.rounds > 0) {
        slotted.rounds--;
        continue;
      }
      this.cancel(slotted.entry);
      slotted.entry.onTimeout();
    }
  }
}
