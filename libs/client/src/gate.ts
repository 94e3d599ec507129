/** Runs a limited number of works at once. Others wait in order. */
export class Gate {
  #free: number;
  /** Waiting works in order. Removed when they run or give up. */
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Runs `work` when there is a place, and answers its result.
   * @throws {DOMException} TimeoutError: there was no place within `withinMs`
   */
  async through<T>(work: () => Promise<T>, withinMs: number): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#place(withinMs);
    try {
      return await work();
    } finally {
      // The place is handed over directly, so that a newcomer does not overtake those who wait.
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #place(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(enter);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(new DOMException('there was no place', 'TimeoutError'));
      }, withinMs);
      this.#waiting.add(enter);
    });
  }
}
