/** Tells what a program is shown for the first time from what it had on its screen when the one before it died. */
export class Again {
  /** Shown again, and known by their ids. */
  count = 0;
  readonly #earlier = new Set<string>();
  readonly #now = new Set<string>();

  /** Each may come again once to each program that follows. */
  isAgain(stream: string, id: string): boolean {
    const key = `${stream} ${id}`;
    this.#now.add(key);
    if (!this.#earlier.delete(key)) return false;
    this.count++;
    return true;
  }

  /** The program has died. */
  restarted(): void {
    for (const key of this.#now) this.#earlier.add(key);
    this.#now.clear();
  }
}
