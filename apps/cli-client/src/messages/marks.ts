import { LRUCache } from 'lru-cache';
import { cleanLine } from '@cim/terminal-text';

/** What is shown of a line's way: all; the tick on the line itself; nothing but what goes wrong. */
export type MarkMode = 'on' | 'less' | 'off';
export const MARK_MODES: readonly MarkMode[] = ['on', 'less', 'off'];

export interface MarksParts {
  /** Shows one quiet line. */
  show(line: string): void;
  /** Whether sends can go out now. */
  online(): boolean;
  /** Name of a recipient. */
  nameOf(to: number): string;
  /** ms. */
  now(): number;
}

interface Waiting {
  readonly text: string;
  readonly since: number;
  told: boolean;
}

/** A send that is answered sooner needs no word, ms; deliveries of this time share a line. */
const QUIET_MS = 300;
const FOLLOWED = 4_096;
const NAMED_CHARACTERS = 30;

/**
 * What becomes of own lines after they were typed. What has scrolled up is never drawn again: each mark is a short line
 * of its own that names its message, and many share one.
 */
export class Marks {
  mode: MarkMode = 'on';
  readonly #parts: MarksParts;
  readonly #waiting = new Set<Waiting>();
  /** Texts of private sends that are stored, by ref; the oldest goes when there are 4,096. */
  readonly #stored = new LRUCache<number, string>({ max: FOLLOWED });
  /** Delivered and not shown, by recipient: refs in order. */
  readonly #delivered = new Map<number, number[]>();
  #queueTimer: NodeJS.Timeout | undefined;
  #deliveryTimer: NodeJS.Timeout | undefined;

  constructor(parts: MarksParts) {
    this.#parts = parts;
  }

  /** A send begins. Answers what to call when it is answered. */
  sent(text: string): () => void {
    const waiting: Waiting = { text, since: this.#parts.now(), told: false };
    this.#waiting.add(waiting);
    this.#watch(this.#parts.online() ? QUIET_MS : 0);
    return () => {
      this.#waiting.delete(waiting);
    };
  }

  /** A private send was stored: it may be delivered one day. */
  stored(ref: number, text: string): void {
    this.#stored.set(ref, text);
  }

  delivered(ref: number, to: number): void {
    const refs = this.#delivered.get(to);
    if (refs === undefined) this.#delivered.set(to, [ref]);
    else refs.push(ref);
    this.#deliveryTimer ??= setTimeout(() => this.#showDelivered(), QUIET_MS);
  }

  /** Nothing is shown any more. */
  stop(): void {
    clearTimeout(this.#queueTimer);
    clearTimeout(this.#deliveryTimer);
  }

  #watch(delayMs: number): void {
    this.#queueTimer ??= setTimeout(() => {
      this.#queueTimer = undefined;
      this.#showQueued();
    }, delayMs);
  }

  #showQueued(): void {
    const before = this.#parts.now() - (this.#parts.online() ? QUIET_MS : 0);
    const untold = [...this.#waiting].filter((one) => !one.told);
    const due = untold.filter((one) => one.since <= before);
    for (const one of due) one.told = true;
    if (this.mode === 'on' && due.length > 0)
      this.#parts.show(`\u{b7} queued: ${named(due.map((d) => d.text))}`);
    const next = untold[due.length];
    if (next !== undefined) this.#watch(Math.max(1, next.since - before));
  }

  #showDelivered(): void {
    this.#deliveryTimer = undefined;
    for (const [to, refs] of this.#delivered) {
      const texts: string[] = [];
      for (const ref of refs) {
        const text = this.#stored.get(ref);
        if (text !== undefined) texts.push(text);
        this.#stored.delete(ref);
      }
      if (this.mode === 'on' && texts.length > 0)
        this.#parts.show(`\u{2713}\u{2713} delivered to ${this.#parts.nameOf(to)}: ${named(texts)}`);
    }
    this.#delivered.clear();
  }
}

/** The newest, briefly, and how many there are besides. */
function named(texts: readonly string[]): string {
  const characters = [...cleanLine(texts.at(-1) ?? '')];
  const brief =
    characters.length > NAMED_CHARACTERS
      ? `${characters.slice(0, NAMED_CHARACTERS - 1).join('')}\u{2026}`
      : characters.join('');
  return texts.length === 1 ? brief : `${brief} (and ${texts.length - 1} before)`;
}
