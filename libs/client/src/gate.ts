/** Lets so many in at a time; the others wait in the order in which they came. */
export class Gate {
  #free: number;
  /** Ordered. */
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Runs `work` when there is a place, and answers what it answers.
   * @throws {DOMException} TimeoutError: there was none within `withinMs`
   */
  async through<T>(work: () => Promise<T>, withinMs: number): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#place(withinMs);
    try {
      return await work();
    } finally {
      // Handed over: nobody who has just come is before those who wait.
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
