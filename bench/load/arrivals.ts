/** What one recipient has got of one lane: each number once, whatever their order. */
export class LaneArrivals {
  /** All below it have come. */
  #next = 0;
  /** Those that came before one that is below them. */
  readonly #early = new Set<number>();
  #twice = 0;
  #overtook = 0;

  /** Answers whether it came for the first time. */
  take(number: number): boolean {
    if (number === this.#next) {
      this.#next++;
      while (this.#early.delete(this.#next)) this.#next++;
      return true;
    }
    if (number < this.#next || this.#early.has(number)) {
      this.#twice++;
      return false;
    }
    this.#early.add(number);
    this.#overtook++;
    return true;
  }

  /** Different ones. */
  get count(): number {
    return this.#next + this.#early.size;
  }

  get twice(): number {
    return this.#twice;
  }

  /** How often one came before another that was sent before it. */
  get outOfOrder(): number {
    return this.#overtook;
  }
}
