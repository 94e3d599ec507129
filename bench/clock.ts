const READINGS = 10;

/** The machine's monotonic clock in µs: the same in all processes of one machine, so that one can stamp, another read. */
export class Clock {
  readonly #offsetMs: number;

  constructor() {
    // The two cannot be read at once; what came between them, a first call above all, is an error: the smallest counts.
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
