type Listener = (value: never) => unknown;

/**
 * Typed events. A listener that throws, or whose promise rejects, harms nobody: it goes to `onThrow`.
 */
export class Emitter<E extends object> {
  /** Event → its listeners in the order they came; `on`'s answer removes one. */
  readonly #listeners = new Map<keyof E, Set<Listener>>();
  readonly #onThrow: (error: unknown, event: keyof E) => void;

  constructor(onThrow: (error: unknown, event: keyof E) => void) {
    this.#onThrow = onThrow;
  }

  /** Calls `listener` at each event from now on. Answers how to stop. */
  on<K extends keyof E>(event: K, listener: (value: E[K]) => unknown): () => void {
    const listeners = this.#listeners.get(event) ?? new Set<Listener>();
    this.#listeners.set(event, listeners);
    // A function of its own, so that the same listener can be added twice and removed once.
    const added: Listener = (value) => listener(value);
    listeners.add(added);
    return () => {
      listeners.delete(added);
    };
  }

  /** Whether anybody listens. */
  has(event: keyof E): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  emit<K extends keyof E>(event: K, value: E[K]): void {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        const answer = (listener as (value: E[K]) => unknown)(value);
        if (answer instanceof Promise) answer.catch((error: unknown) => this.#onThrow(error, event));
      } catch (error) {
        this.#onThrow(error, event);
      }
    }
  }
}
