import type { AckLook } from './ack-clock.ts';
import { Feed } from './feed.ts';
import type { Followed } from './feed-sink.ts';

/** Key of the session's own timeline, as frames name it. */
const TIMELINE = '';

/** The places of one session in the streams that it follows: what goes out next of each, and what is not acked. */
export class Places {
  /** Key: the stream as frames name it. Set when the session begins to follow the stream, removed when it ends. */
  readonly #places = new Map<string, Followed>();

  get size(): number {
    return this.#places.size;
  }

  /** @param name the stream as frames name it: its group, or '' for the session's own timeline */
  get(name: string): Followed | undefined {
    return this.#places.get(name);
  }

  get timeline(): Feed | undefined {
    const place = this.#places.get(TIMELINE);
    return place instanceof Feed ? place : undefined;
  }

  set(name: string, place: Followed): void {
    this.#places.set(name, place);
  }

  /** Goes on with whatever waits. */
  resume(): void {
    for (const place of this.#places.values()) place.resume();
  }

  /** Sends again what is not acked for too long; answers what is wrong, if anything is. */
  lookAtAcks(now: number): Exclude<AckLook, 'resend'> {
    for (const place of this.#places.values()) {
      const answer = place.lookAtAcks(now);
      if (answer !== 'wait') return answer;
    }
    return 'wait';
  }

  /** In how many ms the acks are to be looked at; Infinity while nothing that went out is unacked. */
  acksDueIn(now: number): number {
    let dueIn = Infinity;
    for (const place of this.#places.values()) dueIn = Math.min(dueIn, place.acksDueIn(now));
    return dueIn;
  }

  end(): void {
    for (const place of this.#places.values()) place.end();
  }
}
