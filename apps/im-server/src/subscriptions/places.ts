import type { MessageId, Seq } from '@cim/protocol';
import type { Cursor } from '@cim/store';
import type { AckLook } from './ack-clock.ts';
import type { Feed } from './feed.ts';
import type { FeedSink, Followed, Reached, Resting, RestingFollowed } from './feed-sink.ts';
import type { GroupLog } from './group-log.ts';

/** Key of the session's own timeline, as frames name it. */
const TIMELINE = '';

/**
 * The places of one session in the streams that it follows: what is sent next in each stream, and what is
 * unacked. In a group without unsent or unacked entries the session rests: its place is then the log that all
 * sessions of the server share.
 */
export class Places {
  /** Key: the stream as frames name it. Set when the session begins to follow the stream, removed when it ends. */
  readonly #places = new Map<string, Followed | Resting>();

  /** The feed of the session's own timeline, once it follows it. Only `setTimeline` and `end` set it. */
  timeline: Feed | undefined;

  /**
   * Key: a group that the session no longer follows. Value: the entry that ended the membership, if it was
   * sent here. Acks of it may be under way. Created with the first such group.
   */
  #left: Map<string, Cursor | undefined> | undefined;

  get size(): number {
    return this.#places.size;
  }

  /** @param name the stream as frames name it: its group, or '' for the session's own timeline */
  has(name: string): boolean {
    return this.#places.has(name);
  }

  /**
   * The feed of a stream. Undefined for a stream that the session does not follow, and for a group in which
   * it rests.
   */
  get(name: string): Followed | undefined {
    const place = this.#places.get(name);
    return place !== undefined && isFeed(place) ? place : undefined;
  }

  /** How far a stream was sent; undefined when the session does not follow it. */
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

  /** Sets the feed of the session's own timeline. */
  setTimeline(feed: Feed): void {
    this.timeline = feed;
    this.#places.set(TIMELINE, feed);
  }

  /**
   * Follows a group from `next` on, after the entry with the id `last`; '' when that is not known.
   * @param caughtUp whether the log had nothing from `next` on
   */
  follow(log: GroupLog, next: Seq, last: MessageId, caughtUp: boolean, sink: FeedSink): void {
    const rests = caughtUp && log.restAt(next, last, sink);
    this.#places.set(log.group, rests ? log : log.follow(next, last, sink));
  }

  /** Replaces a resting place by a feed. False: the session no longer follows the group. */
  woken(group: string, feed: RestingFollowed): boolean {
    if (this.restingIn(group) === undefined) return false;
    this.#places.set(group, feed);
    return true;
  }

  /** Stops following a group. @param last the entry that ended the membership, if it was sent */
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

  /** The entry that ended the membership of a group that was left, if it was sent here. */
  leftAt(group: string): Cursor | undefined {
    return this.#left?.get(group);
  }

  /** The groups that the session follows. */
  *groups(): Generator<string, void> {
    for (const name of this.#places.keys()) if (name !== TIMELINE) yield name;
  }

  /** Lets all places send what they can. */
  resume(): void {
    for (const place of this.#places.values()) if (isFeed(place)) place.resume();
  }

  /** Makes the session rest in all groups without unsent or unacked entries. */
  rest(): void {
    for (const [name, place] of this.#places) {
      const log = isFeed(place) && 'rest' in place ? (place as RestingFollowed).rest() : undefined;
      if (log !== undefined) this.#places.set(name, log);
    }
  }

  /** Sends unacked entries again when it is time. Answers why the channel must close, if it must. */
  lookAtAcks(now: number): Exclude<AckLook, 'resend'> {
    for (const place of this.#places.values()) {
      const answer = isFeed(place) ? place.lookAtAcks(now) : 'wait';
      if (answer !== 'wait') return answer;
    }
    return 'wait';
  }

  /** In how many ms to check the acks; Infinity while nothing is unacked. */
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
