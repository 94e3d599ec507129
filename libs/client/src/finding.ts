import type { wire, ProducerId } from '@cim/protocol';
import type { WireRecipient } from './recipient.ts';
import type { Cancel, Timers } from './timers.ts';

/** Wait before a question that a server could not answer is asked again [ms]. */
const AGAIN_MS = 15_000;

/**
 * Asks which sends streams hold of producers that the store has forgotten: one question at a time, as servers
 * require.
 */
export class Finding {
  readonly #ask: (find: wire.Find) => void;
  readonly #timers: Timers;
  /** Questions in order; the first one is under way. Removed when answered. */
  readonly #wanted = new Map<string, wire.Find>();
  #timer: Cancel | undefined;

  constructor(ask: (find: wire.Find) => void, timers: Timers) {
    this.#ask = ask;
    this.#timers = timers;
  }

  want({ to, group, stream }: WireRecipient, producer: ProducerId): void {
    const key = `${stream} ${producer}`;
    if (this.#wanted.has(key)) return;
    this.#wanted.set(key, { to, group, producer });
    if (this.#wanted.size === 1) this.#next();
  }

  /** Takes a server's answer. */
  answered({ to, group, producer }: wire.Found): void {
    this.#wanted.delete(`${to === 0 ? `group:${group}` : `inbox:${to}`} ${producer}`);
    this.#next();
  }

  /** Forgets all questions when the connection is gone. */
  clear(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#wanted.clear();
  }

  #next(): void {
    this.#timer?.();
    this.#timer = undefined;
    const [find] = this.#wanted.values();
    if (find === undefined) return;
    this.#ask(find);
    this.#timer = this.#timers.after(AGAIN_MS, () => this.#next());
  }
}
