/** Work that waits, served in rotation by address: an address that asks for much delays only itself. */
export class FairQueue {
  readonly #atOnce: number;
  readonly #most: number;
  readonly #mostOfAddress: number;
  #running = 0;
  #waiting = 0;
  /** Key: address, in the order in which addresses are served. Removed when it has no waiting work. */
  readonly #queues = new Map<string, (() => void)[]>();

  /**
   * @param atOnce most work that runs at once
   * @param most most work that waits in all
   * @param mostOfAddress most work of one address that waits
   */
  constructor(atOnce: number, most: number, mostOfAddress: number) {
    this.#atOnce = atOnce;
    this.#most = most;
    this.#mostOfAddress = mostOfAddress;
  }

  /**
   * Runs work when its place comes. Undefined when too much waits. @param address undefined: no limit of its
   * own
   */
  async run<T>(
    address: string | undefined,
    work: () => Promise<T>,
  ): Promise<{ readonly done: T } | undefined> {
    if (this.#running < this.#atOnce) this.#running++;
    else {
      const turn = this.#turn(address);
      if (turn === undefined) return undefined;
      await turn;
    }
    try {
      return { done: await work() };
    } finally {
      this.#next();
    }
  }

  #turn(address: string | undefined): Promise<void> | undefined {
    const key = address ?? '';
    const queue = this.#queues.get(key) ?? [];
    if (this.#waiting >= this.#most) return undefined;
    if (address !== undefined && queue.length >= this.#mostOfAddress) return undefined;
    this.#waiting++;
    this.#queues.set(key, queue);
    return new Promise((resolve) => queue.push(resolve));
  }

  /**
   * The place is handed over directly. If it were given up first, a newcomer could take it before the waiting
   * work runs.
   */
  #next(): void {
    const [first] = this.#queues;
    if (first === undefined) {
      this.#running--;
      return;
    }
    const [address, queue] = first;
    this.#queues.delete(address);
    const resolve = queue.shift();
    // The address goes behind all others.
    if (queue.length > 0) this.#queues.set(address, queue);
    this.#waiting--;
    resolve?.();
  }
}
