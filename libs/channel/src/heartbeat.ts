import type { Channel } from './channel.ts';
import type { TimingWheel, WheelEntry } from './timing-wheel.ts';

/** Longest time that bytes may wait for a peer that does not read [ms]. */
const STALL_TIMEOUT_MS = 30_000;

export interface HeartbeatOptions {
  /** A channel that was not heard for this long is closed as `idle` [ms]. */
  readonly idleTimeoutMs?: number;
  /**
   * A channel over its soft limit for this long is closed as `slow-consumer` [ms]. The close may come half of
   * that time later.
   */
  readonly stallTimeoutMs?: number;
  /** After this long without a write `ping` is called [ms]. */
  readonly pingAfterMs?: number;
  readonly ping?: () => void;
}

/** Watches a channel for silence. It checks when the silence could have become too long, not at each frame. */
export class Heartbeat implements WheelEntry {
  readonly #channel: Channel;
  readonly #wheel: TimingWheel;
  readonly #idleMs: number;
  readonly #stallMs: number;
  readonly #pingMs: number;
  readonly #ping: (() => void) | undefined;
  /** A peer silent for this long is asked for a sign of life, where the transport can ask [ms]. */
  readonly #probeMs: number;
  #probedAt = 0;

  /** Starts the watch. It runs until the channel closes or `stop` is called. */
  constructor(channel: Channel, wheel: TimingWheel, options: HeartbeatOptions) {
    this.#channel = channel;
    this.#wheel = wheel;
    this.#idleMs = options.idleTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.#stallMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS;
    this.#pingMs = options.ping === undefined ? Number.POSITIVE_INFINITY : (options.pingAfterMs ?? 10_000);
    this.#ping = options.ping;
    this.#probeMs = channel.canProbe ? this.#idleMs / 2 : Number.POSITIVE_INFINITY;
    this.#wheel.schedule(this, Math.min(this.#idleMs, this.#probeMs, this.#pingMs, this.#stallMs / 2));
  }

  onTimeout(): void {
    const channel = this.#channel;
    if (channel.closed !== undefined) return;
    const now = this.#wheel.time;
    const silent = now - channel.lastHeard;
    const stalled = now - (channel.stalledSince ?? now);
    if (silent >= this.#idleMs) return channel.close('idle');
    if (stalled >= this.#stallMs) return channel.close('slow-consumer');
    // A browser runs the timers of a hidden tab once a minute, but answers a ping of the transport at once.
    let unasked = now - Math.max(channel.lastHeard, this.#probedAt);
    if (unasked >= this.#probeMs) {
      channel.probe();
      this.#probedAt = now;
      unasked = 0;
    }
    let unwritten = now - channel.lastWrote;
    if (unwritten >= this.#pingMs) {
      this.#ping?.();
      unwritten = 0;
    }
    this.#wheel.schedule(
      this,
      Math.min(
        this.#idleMs - silent,
        this.#probeMs - unasked,
        this.#pingMs - unwritten,
        this.#stallMs / 2,
        this.#stallMs - stalled,
      ),
    );
  }

  stop(): void {
    this.#wheel.cancel(this);
  }
}
