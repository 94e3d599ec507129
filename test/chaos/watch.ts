/** Watches a run from outside: reports its progress, and when it stands still. */
import type { Progress } from './row.ts';

export const TELL_MS = 25_000;
/** Longer than the longest wait of a run between two reports [ms]. */
export const STILL_MS = 300_000;

export class Watch {
  readonly #begun = performance.now();
  readonly #write: (line: string) => void;
  #last: Progress = { what: 'starting', done: 0, of: 0 };
  #saidAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  say(progress: Progress): void {
    this.#last = progress;
    this.#saidAt = performance.now();
  }

  get seconds(): number {
    return (performance.now() - this.#begun) / 1_000;
  }

  get line(): string {
    const { what, done, of, sent, shown } = this.#last;
    const left = done === 0 ? '' : `, ${((this.seconds / done) * (of - done)).toFixed(0)} s left`;
    const figures = sent === undefined ? '' : `, ${sent} sent, ${shown ?? 0} shown`;
    const still = (performance.now() - this.#saidAt) / 1_000;
    const since = still < TELL_MS / 1_000 ? '' : ` (for ${still.toFixed(0)} s)`;
    return `${done} of ${of}, ${what}${since}${figures}; ${this.seconds.toFixed(0)} s${left}`;
  }

  /** Reports the progress now and then. Rejects when the run was silent for too long. */
  untilStill(): Promise<never> {
    return new Promise((_, reject) => {
      this.#timer = setInterval(() => {
        this.#write(this.line);
        if (performance.now() - this.#saidAt > STILL_MS)
          reject(new Error(`stood still for ${STILL_MS / 1_000} s: ${this.line}`));
      }, TELL_MS);
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
