/** Work that waits its turn, one address after the other: an address that asks for much delays itself. */
export class FairQueue {
  readonly #atOnce: number;
  readonly #most: number;
  readonly #mostOfAddress: number;
  #running = 0;
  #waiting = 0;
  /** Key: address. In the order of their turns; an address without work leaves. */
  readonly #queues = new Map<string, (() => void)[]>();

  /**
   * @param atOnce how much is done at once
   * @param most how much may wait in all
   * @param mostOfAddress how much of one address may wait
   */
  constructor(atOnce: number, most: number, mostOfAddress: number) {
    this.#atOnce = atOnce;
    this.#most = most;
    this.#mostOfAddress = mostOfAddress;
  }

  /** @param address undefined: one without a limit of its own. Answers undefined when too much waits. */
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

  /** The place is handed over: given up first, a newcomer could take it before the one who waits for it runs. */
  #next(): void {
    const [first] = this.#queues;
    if (first === undefined) {
      this.#running--;
      return;
    }
    const [address, queue] = first;
    this.#queues.delete(address);
    const resolve = queue.shift();
    // Behind all others.
    if (queue.length > 0) this.#queues.set(address, queue);
    this.#waiting--;
    resolve?.();
  }
}
