type Listener = (value: never) => unknown;

/** A listener that threw, or whose promise was rejected. */
export interface Failed {
  readonly listener: Listener;
  readonly error: unknown;
}

/** Typed events. A listener that throws, or whose promise is rejected, does not affect the others. */
export class Emitter<E extends object> {
  /** Key: event. Value: its listeners in the order they came. The function that `on` returns removes one. */
  readonly #listeners: ReadonlyMap<PropertyKey, Set<Listener>>;
  /** Key: a listener given to `on`. Value: the function that was added for it. */
  readonly #added = new WeakMap<Listener, Listener>();
  readonly #onThrow: (error: unknown, event: keyof E) => void;

  /** @param events all names of events */
  constructor(events: readonly (keyof E)[], onThrow: (error: unknown, event: keyof E) => void) {
    this.#listeners = new Map(events.map((event) => [event, new Set<Listener>()]));
    this.#onThrow = onThrow;
  }

  /**
   * Calls `listener` at each event from now on. Returns a function that stops it.
   * @throws {TypeError} an event of this name does not exist
   */
  on<K extends keyof E>(event: K, listener: (value: E[K]) => unknown): () => void {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) {
      const names = [...this.#listeners.keys()].map(String).join(', ');
      throw new TypeError(`there is no event "${String(event)}"; the events are ${names}`);
    }
    // A new function, so that the same listener can be added twice and removed once.
    const added: Listener = (value) => listener(value);
    this.#added.set(added, listener);
    listeners.add(added);
    return () => {
      listeners.delete(added);
    };
  }

  /** Calls `listener` until it has succeeded with one event. */
  once<K extends keyof E>(event: K, listener: (value: E[K]) => unknown): () => void {
    let atWork = false;
    const off = this.on(event, async (value) => {
      if (atWork) return;
      atWork = true;
      try {
        await listener(value);
        off();
      } finally {
        atWork = false;
      }
    });
    return off;
  }

  /** Removes a listener that `on` has added; of several additions the last one. */
  off<K extends keyof E>(event: K, listener: (value: E[K]) => unknown): void {
    const listeners = this.#listeners.get(event) ?? new Set<Listener>();
    const added = [...listeners].findLast((one) => this.#added.get(one) === listener);
    if (added !== undefined) listeners.delete(added);
  }

  /** Calls the listeners and waits for none. `onThrow` gets their failures, now or later. */
  emit<K extends keyof E>(event: K, value: E[K]): void {
    const failures = this.offer(event, value);
    if (failures === undefined) return;
    void failures.then((failed) => {
      for (const { error } of failed) this.#onThrow(error, event);
    });
  }

  /**
   * Calls the listeners.
   * @param only those that failed at an earlier offer; one that was removed since is not called
   * @returns undefined when all have returned without a promise; else the failures, when the last one has
   * ended
   */
  offer<K extends keyof E>(
    event: K,
    value: E[K],
    only?: readonly Failed[],
  ): Promise<readonly Failed[]> | undefined {
    const listeners = this.#listeners.get(event) ?? new Set<Listener>();
    const called = only === undefined ? [...listeners] : only.map(({ listener }) => listener);
    let pending: Promise<Failed | undefined>[] | undefined;
    for (const listener of called) {
      if (!listeners.has(listener)) continue;
      try {
        const answer = (listener as (value: E[K]) => unknown)(value);
        if (isThenable(answer))
          (pending ??= []).push(
            Promise.resolve(answer).then(
              () => undefined,
              (error: unknown) => ({ listener, error }),
            ),
          );
      } catch (error) {
        (pending ??= []).push(Promise.resolve({ listener, error }));
      }
    }
    return pending === undefined ? undefined : failuresOf(pending);
  }
}

const failuresOf = async (pending: readonly Promise<Failed | undefined>[]): Promise<readonly Failed[]> =>
  (await Promise.all(pending)).filter((failed) => failed !== undefined);

/** Recognizes promises of other libraries too. */
const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
