import type { MessageId, Seq } from '@cim/protocol';
import type { Cursor } from '@cim/store';
import type { AckLook } from './ack-clock.ts';
import type { Feed } from './feed.ts';
import type { FeedSink, Followed, Reached, Resting, RestingFollowed } from './feed-sink.ts';
import type { GroupLog } from './group-log.ts';

/** Key of the session's own timeline, as frames name it. */
const TIMELINE = '';

/**
 * The places of one session in the streams that it follows: what goes out next of each, and what is not acked. In a group
 * in which nothing is on its way the session rests, and its place is the log that all sessions of the server share.
 */
export class Places {
  /** Key: the stream as frames name it. Set when the session begins to follow the stream, removed when it ends. */
  readonly #places = new Map<string, Followed | Resting>();

  /** The session's own timeline, once it follows it. Set by `setTimeline` and `end` alone. */
  timeline: Feed | undefined;

  /**
   * Groups that the session has followed and follows no more, with the last entry that went out when it ended the
   * membership: acks of them may be under way. Made for the first one.
   */
  #left: Map<string, Cursor | undefined> | undefined;

  get size(): number {
    return this.#places.size;
  }

  /** @param name the stream as frames name it: its group, or '' for the session's own timeline */
  has(name: string): boolean {
    return this.#places.has(name);
  }

  /** Undefined for a stream that the session does not follow, and for a group in which it rests. */
  get(name: string): Followed | undefined {
    const place = this.#places.get(name);
    return place !== undefined && isFeed(place) ? place : undefined;
  }

  /** How far a stream has gone out; undefined when the session does not follow it. */
  reached(name: string): Reached | undefined {
    const place = this.#places.get(name);
    if (place === undefined) return undefined;
    if (isFeed(place)) return { sent: (place.next - 1) as Seq, acked: place.acked };
    const { seq } = place.restingAt();
    return { sent: seq, acked: seq };
  }

  /** The log of a group in which the session rests. */
  restingIn(name: string): Resting | undefined {
    const place = this.#places.get(name);
    return place === undefined || isFeed(place) ? undefined : place;
  }

  /** The session follows its own timeline. */
  setTimeline(feed: Feed): void {
    this.timeline = feed;
    this.#places.set(TIMELINE, feed);
  }

  /**
   * The session follows a group from `next` on, after the entry `last`; '' when that is not known.
   * @param caughtUp the log had nothing from `next` on
   */
  follow(log: GroupLog, next: Seq, last: MessageId, caughtUp: boolean, sink: FeedSink): void {
    const rests = caughtUp && log.restAt(next, last, sink);
    this.#places.set(log.group, rests ? log : log.follow(next, last, sink));
  }

  /** The session rested in this group and has a feed of it again. False: it follows the group no more. */
  woken(group: string, feed: RestingFollowed): boolean {
    if (this.restingIn(group) === undefined) return false;
    this.#places.set(group, feed);
    return true;
  }

  /** The session follows the group no more. @param last the entry that has ended the membership went out */
  leave(group: string, sink: FeedSink, last?: Cursor): void {
    const place = this.#places.get(group);
    if (place === undefined) return;
    this.#places.delete(group);
    (this.#left ??= new Map()).set(group, last);
    endOf(place, sink);
  }

  hasLeft(group: string): boolean {
    return this.#left?.has(group) === true;
  }

  /** The entry that ended the membership of a group that was left, when it went out here. */
  leftAt(group: string): Cursor | undefined {
    return this.#left?.get(group);
  }

  /** The groups that the session follows. */
  *groups(): Generator<string, void> {
    for (const name of this.#places.keys()) if (name !== TIMELINE) yield name;
  }

  /** Goes on with whatever waits. */
  resume(): void {
    for (const place of this.#places.values()) if (isFeed(place)) place.resume();
  }

  /** Rests where nothing is on its way. */
  rest(): void {
    for (const [name, place] of this.#places) {
      const log = isFeed(place) && 'rest' in place ? (place as RestingFollowed).rest() : undefined;
      if (log !== undefined) this.#places.set(name, log);
    }
  }

  /** Sends again what is not acked for too long; answers what is wrong, if anything is. */
  lookAtAcks(now: number): Exclude<AckLook, 'resend'> {
    for (const place of this.#places.values()) {
      const answer = isFeed(place) ? place.lookAtAcks(now) : 'wait';
      if (answer !== 'wait') return answer;
    }
    return 'wait';
  }

  /** In how many ms the acks are to be looked at; Infinity while nothing that went out is unacked. */
  acksDueIn(now: number): number {
    let dueIn = Infinity;
    for (const place of this.#places.values())
      if (isFeed(place)) dueIn = Math.min(dueIn, place.acksDueIn(now));
    return dueIn;
  }

  end(sink: FeedSink): void {
    for (const place of this.#places.values()) endOf(place, sink);
    this.#places.clear();
    this.timeline = undefined;
  }
}

const isFeed = (place: Followed | Resting): place is Followed => 'next' in place;

function endOf(place: Followed | Resting, sink: FeedSink): void {
  if (isFeed(place)) place.end();
  else place.leave(sink);
}
