/** The machine's monotonic clock in µs: the same in all processes of one machine, so that one can stamp, another read. */
export class Clock {
  readonly #offsetMs: number;

  constructor() {
    const [seconds, nanoseconds] = process.hrtime();
    this.#offsetMs = seconds * 1e3 + nanoseconds / 1e6 - performance.now();
  }

  nowUs(): number {
    return (performance.now() + this.#offsetMs) * 1e3;
  }
}
