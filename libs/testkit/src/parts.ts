/** Takes down what did not come up. */
export async function upOrDown<T extends AsyncDisposable>(part: T, starting: Promise<unknown>): Promise<T> {
  try {
    await starting;
  } catch (error) {
    await down(part);
    throw error;
  }
  return part;
}

/** What something is made of. It comes up as a whole or not at all, and nothing is started once it is taken down. */
export class Parts implements AsyncDisposable {
  readonly #parts = new Set<AsyncDisposable>();
  #down = false;

  /** All that `start` has added is taken down when it fails, what is still starting too. */
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

  /** What is to be done when all is taken down. */
  onDown(what: () => unknown): void {
    this.#parts.add({
      [Symbol.asyncDispose]: async () => {
        await what();
      },
    });
  }

  /** It has ended by itself. */
  drop(part: AsyncDisposable | undefined): void {
    if (part !== undefined) this.#parts.delete(part);
  }

  /** The last one first: it may need those before it. All of them, whatever one of them throws. */
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

  /** Asked again after waiting. */
  #isDown(): boolean {
    return this.#down;
  }
}

/** After a failure that tells more than one of this would. */
async function down(part: AsyncDisposable): Promise<void> {
  try {
    await part[Symbol.asyncDispose]();
  } catch {
    // What is left of it ends with the test's process.
  }
}
