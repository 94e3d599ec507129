const READINGS = 10;

/**
 * The machine's monotonic clock in µs. It is the same in all processes of one machine, so one can write a
 * time that another reads.
 */
export class Clock {
  readonly #offsetMs: number;

  constructor() {
    // The two clocks cannot be read at the same moment. Time between the reads is an error, so the smallest
    // difference counts.
    let least = Number.POSITIVE_INFINITY;
    let offsetMs = 0;
    for (let i = 0; i < READINGS; i++) {
      const before = performance.now();
      const [seconds, nanoseconds] = process.hrtime();
      const after = performance.now();
      if (after - before >= least) continue;
      least = after - before;
      offsetMs = seconds * 1e3 + nanoseconds / 1e6 - (before + after) / 2;
    }
    this.#offsetMs = offsetMs;
  }

  nowUs(): number {
    return (performance.now() + this.#offsetMs) * 1e3;
  }
}
