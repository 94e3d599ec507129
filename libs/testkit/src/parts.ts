/** Takes down what did not come up. */
export async function upOrDown<T extends AsyncDisposable>(part: T, starting: Promise<unknown>): Promise<T> {
  try {
    await starting;
  } catch (error) {
    await part[Symbol.asyncDispose]();
    throw error;
  }
  return part;
}

/** What something is made of. It comes up as a whole or not at all, and nothing comes up once it is taken down. */
export class Parts implements AsyncDisposable {
  readonly #parts: AsyncDisposable[] = [];
  #down = false;

  /** All that `start` has added is taken down when it fails, what is still starting too. */
  static async start<T>(start: (parts: Parts) => Promise<T>): Promise<T> {
    const parts = new Parts();
    try {
      return await start(parts);
    } catch (error) {
      await parts[Symbol.asyncDispose]();
      throw error;
    }
  }

  async add<T extends AsyncDisposable>(starting: T | Promise<T>): Promise<T> {
    const part = await starting;
    if (this.#down) {
      await part[Symbol.asyncDispose]();
      throw new Error('taken down while it was starting');
    }
    this.#parts.push(part);
    return part;
  }

  addAll<T extends AsyncDisposable>(starting: readonly Promise<T>[]): Promise<T[]> {
    return Promise.all(starting.map((one) => this.add(one)));
  }

  /** What is to be done when all is taken down. */
  onDown(down: () => unknown): void {
    this.#parts.push({
      [Symbol.asyncDispose]: async () => {
        await down();
      },
    });
  }

  /** The last one first: it may need those before it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#down = true;
    for (const part of this.#parts.splice(0).reverse()) await part[Symbol.asyncDispose]();
  }
}
