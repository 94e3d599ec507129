/**
 * Distinguishes entries that a program shows for the first time from those that an earlier program had on its
 * screen when it died.
 */
export class Again {
  /** Number of entries that were shown again, recognized by their ids. */
  count = 0;
  readonly #earlier = new Set<string>();
  readonly #now = new Set<string>();

  /**
   * Whether the entry may come again: once for each later program.
   * @param conversation an id names one message within a conversation: a program's messages to two users may
   *   have the same id
   */
  isAgain(conversation: string, id: string): boolean {
    const key = `${conversation} ${id}`;
    this.#now.add(key);
    if (!this.#earlier.delete(key)) return false;
    this.count++;
    return true;
  }

  /** Notes that the program has died. */
  restarted(): void {
    for (const key of this.#now) this.#earlier.add(key);
    this.#now.clear();
  }
}
