import { Backoff } from '@cim/runtime/backoff';
import type { Emitter, Failed } from './emitter.ts';
import type { ClientEvents, StreamEvent } from './events.ts';
import type { Cancel, Timers } from './timers.ts';

export interface OffersParts extends Timers {
  readonly events: Emitter<ClientEvents>;
  /** Random numbers from 0 to 1, for jitter. */
  random(): number;
  /** Called when a listener has failed. */
  failed(error: unknown, event: keyof ClientEvents): void;
}

/** A message that failed this often is reported as `stuck`. */
const STUCK_AFTER = 5;
const AGAIN_MIN_MS = 500;
const AGAIN_MAX_MS = 30_000;

/**
 * Offers each message, and each event about one, to the application until every listener has succeeded with
 * it.
 */
export class Offers {
  readonly #parts: OffersParts;
  /** Messages that a listener still works on, or that wait to be offered again. Removed when they end. */
  readonly #open = new Set<Promise<boolean>>();
  /** Waits between two offers. Each removes itself. */
  readonly #timers = new Map<Cancel, () => void>();
  #stopped = false;

  constructor(parts: OffersParts) {
    this.#parts = parts;
  }

  /**
   * Calls the listeners of the event.
   * @returns undefined when all have returned; else a promise: true when all have succeeded, false when
   * `stop` came first
   */
  offer(offered: StreamEvent): Promise<boolean> | undefined {
    const failures = this.#parts.events.offer(offered.event, offered.value);
    if (failures === undefined) return undefined;
    const open = this.#insist(offered, failures);
    this.#open.add(open);
    void open.then(() => this.#open.delete(open));
    return open;
  }

  /** Stops offering. Resolves when running listeners have ended, at the latest after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    this.#stopped = true;
    for (const [timer, end] of this.#timers) {
      timer();
      end();
    }
    if (this.#open.size === 0) return;
    let limit: Cancel | undefined;
    const tooLong = new Promise<void>((resolve) => (limit = this.#parts.after(withinMs, resolve)));
    await Promise.race([Promise.all(this.#open), tooLong]);
    limit?.();
  }

  /** Whether a listener is running. */
  get busy(): boolean {
    return this.#open.size > 0;
  }

  async #insist({ event, value }: StreamEvent, first: Promise<readonly Failed[]>): Promise<boolean> {
    const { events } = this.#parts;
    const backoff = new Backoff(AGAIN_MIN_MS, AGAIN_MAX_MS, () => this.#parts.random());
    let failures = await first;
    for (let tries = 1; failures.length > 0; tries++) {
      for (const { error } of failures) this.#parts.failed(error, event);
      if (tries === STUCK_AFTER)
        events.emit('stuck', { stream: value.stream, id: value.id, error: failures[0]?.error });
      await this.#wait(backoff.next());
      if (this.#stopped) return false;
      failures = (await events.offer(event, value, failures)) ?? [];
    }
    return true;
  }

  #wait(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#parts.after(ms, () => {
        this.#timers.delete(timer);
        resolve();
      });
      this.#timers.set(timer, resolve);
    });
  }
}
