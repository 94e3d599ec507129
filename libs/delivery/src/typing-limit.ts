import { streamName } from '@cim/protocol';
import { LRUCache } from 'lru-cache';
import type { Signal } from './signal.ts';

/** Of one sender in one conversation, between two signals [ms]. */
const EVERY_MS = 1_000;
/** Conversations that are remembered. */
const CONVERSATIONS = 50_000;

/** Signals that a user types come from clients as often as they like; each conversation is told once a second. */
export class TypingLimit {
  /** Key: sender and stream. */
  readonly #lately = new LRUCache<string, true>({ max: CONVERSATIONS, ttl: EVERY_MS, ttlResolution: 0 });

  /** False: the receivers were told a moment ago. */
  allows({ sender, to }: Extract<Signal, { readonly kind: 'typing' }>): boolean {
    const key = `${sender.userId} ${streamName(to)}`;
    if (this.#lately.has(key)) return false;
    this.#lately.set(key, true);
    return true;
  }
}
