import type { Progress, RunOptions } from './row.ts';

/** Distributes the faults of a run to free worlds, or to free servers of one world. */
export class Turns {
  readonly #of: number;
  readonly #options: RunOptions;
  readonly #tally: () => Pick<Progress, 'sent' | 'shown'>;
  #taken = 0;
  #made = 0;

  constructor(of: number, options: RunOptions, tally: () => Pick<Progress, 'sent' | 'shown'> = () => ({})) {
    this.#of = of;
    this.#options = options;
    this.#tally = tally;
  }

  /** Number of faults that are over. */
  get made(): number {
    return this.#made;
  }

  /**
   * Takes the number of the next fault, from 1; undefined when there are no more, or the run should end.
   * @param limit none beyond it for now
   */
  take(limit = this.#of): number | undefined {
    if (this.#options.stop.aborted || this.#taken >= Math.min(limit, this.#of)) return undefined;
    return ++this.#taken;
  }

  /** Whether no further fault will come. */
  get over(): boolean {
    return this.#options.stop.aborted || this.#taken >= this.#of;
  }

  say(what: string): void {
    this.#options.say({ what, done: this.#made, of: this.#of, ...this.#tally() });
  }

  ended(): void {
    this.#made++;
  }
}

/** Runs this many worlds at once, each with its own schedule. */
export const sideBySide = <T>(count: number, each: (lane: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, lane) => each(lane)));
