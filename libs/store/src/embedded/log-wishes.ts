import type { LogWishes } from '../log-wishes.ts';

/** Wishes in memory: this is the only process, and a restart forgets wishes anyhow. */
export class EmbeddedLogWishes implements LogWishes {
  readonly #now: () => number;
  #wish: { readonly text: string; readonly until: number } | undefined;

  /** @param now a time that never goes back [ms] */
  constructor(now: () => number) {
    this.#now = now;
  }

  put(text: string, ms: number): Promise<void> {
    this.#wish = { text, until: this.#now() + ms };
    return Promise.resolve();
  }

  get(): Promise<string | undefined> {
    return Promise.resolve(
      this.#wish !== undefined && this.#now() < this.#wish.until ? this.#wish.text : undefined,
    );
  }
}
