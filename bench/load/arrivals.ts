/** The texts of one lane that one recipient has got: each number once, in any order. */
export class LaneArrivals {
  /** All numbers below it have come. */
  #next = 0;
  /** Numbers that came before a smaller one. */
  readonly #early = new Set<number>();
  #twice = 0;
  #overtook = 0;

  /** Notes a number. Answers whether it came for the first time. */
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

  /** Number of different texts. */
  get count(): number {
    return this.#next + this.#early.size;
  }

  get twice(): number {
    return this.#twice;
  }

  /** How often a text came before one that was sent earlier. */
  get outOfOrder(): number {
    return this.#overtook;
  }
}
