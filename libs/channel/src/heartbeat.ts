import type { Channel } from './channel.ts';
import type { TimingWheel, WheelEntry } from './timing-wheel.ts';

export interface HeartbeatOptions {
  /** A channel that was not heard for this long is closed as `idle`, in ms. */
  readonly idleTimeoutMs?: number;
  /** After this long without a write `ping` is called, in ms. */
  readonly pingAfterMs?: number;
  readonly ping?: () => void;
}

/** Looks at a channel when it could have become idle, not at each frame. */
export class Heartbeat implements WheelEntry {
  readonly #channel: Channel;
  readonly #wheel: TimingWheel;
  readonly #idleMs: number;
  readonly #pingMs: number;
  readonly #ping: (() => void) | undefined;

  constructor(channel: Channel, wheel: TimingWheel, options: HeartbeatOptions) {
    this.#channel = channel;
    this.#wheel = wheel;
    this.#idleMs = options.idleTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#pingMs = options.ping === undefined ? Number.POSITIVE_INFINITY : (options.pingAfterMs ?? 10_000);
    this.#ping = options.ping;
    this.#wheel.schedule(this, Math.min(this.#idleMs, this.#pingMs));
  }

  onTimeout(): void {
    if (this.#channel.closed !== undefined) return;
    const now = performance.now();
    const silent = now - this.#channel.lastHeard;
    if (silent >= this.#idleMs) {
      this.#channel.close('idle');
      return;
    }
    const unwritten = now - this.#channel.lastWrote;
    const pinging = unwritten >= this.#pingMs;
    if (pinging) this.#ping?.();
    this.#wheel.schedule(this, Math.min(this.#idleMs - silent, pinging ? this.#pingMs : this.#pingMs - unwritten));
  }

  stop(): void {
    this.#wheel.cancel(this);
  }
}
