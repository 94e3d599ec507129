import type { Progress, RunOptions } from './row.ts';

/** The faults of a run, taken one by one by whoever is free: several worlds, or several servers of one. */
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

  /** How many are over. */
  get made(): number {
    return this.#made;
  }

  /** From 1; undefined when there are no more, and from the wish to end on. `limit`: none beyond it for now. */
  take(limit = this.#of): number | undefined {
    if (this.#options.stop.aborted || this.#taken >= Math.min(limit, this.#of)) return undefined;
    return ++this.#taken;
  }

  /** Of those still to come none will come. */
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

/** So many worlds at once, each with its own schedule. */
export const sideBySide = <T>(count: number, each: (lane: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, lane) => each(lane)));
