/** Waits until a part has started, and takes it down if it fails. */
export async function upOrDown<T extends AsyncDisposable>(part: T, starting: Promise<unknown>): Promise<T> {
  try {
    await starting;
  } catch (error) {
    await down(part);
    throw error;
  }
  return part;
}

/**
 * The parts of a test fixture. They all start or none stays, and nothing is started after they were taken
 * down.
 */
export class Parts implements AsyncDisposable {
  readonly #parts = new Set<AsyncDisposable>();
  #down = false;

  /**
   * Starts parts. If `start` fails, everything that it has added is taken down, also parts that are still
   * starting.
   */
  static async start<T>(start: (parts: Parts) => Promise<T>): Promise<T> {
    const parts = new Parts();
    try {
      return await start(parts);
    } catch (error) {
      await down(parts);
      throw error;
    }
  }

  async add<T extends AsyncDisposable>(start: () => T | Promise<T>): Promise<T> {
    if (this.#down) throw new Error('it has been taken down');
    const part = await start();
    if (this.#isDown()) {
      await down(part);
      throw new Error('taken down while it was starting');
    }
    this.#parts.add(part);
    return part;
  }

  addAll<T extends AsyncDisposable>(starts: readonly (() => Promise<T>)[]): Promise<T[]> {
    return Promise.all(starts.map((start) => this.add(start)));
  }

  /** Runs a function when everything is taken down. */
  onDown(what: () => unknown): void {
    this.#parts.add({
      [Symbol.asyncDispose]: async () => {
        await what();
      },
    });
  }

  /** Forgets a part that has ended by itself. */
  drop(part: AsyncDisposable | undefined): void {
    if (part !== undefined) this.#parts.delete(part);
  }

  /** Takes down the last part first, since it may need the earlier ones; all of them, even if one throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#down = true;
    const parts = [...this.#parts].reverse();
    this.#parts.clear();
    const errors: unknown[] = [];
    for (const part of parts)
      try {
        await part[Symbol.asyncDispose]();
      } catch (error) {
        errors.push(error);
      }
    if (errors.length > 0) throw new AggregateError(errors, String(errors[0]));
  }

  /** Asked again after each wait. */
  #isDown(): boolean {
    return this.#down;
  }
}

/** Takes down a part after a failure that says more than a further error would. */
async function down(part: AsyncDisposable): Promise<void> {
  try {
    await part[Symbol.asyncDispose]();
  } catch {
    // What is left of it ends with the test's process.
  }
}
