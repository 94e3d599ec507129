/**
 * Resumes the streams of one session of our wire: after the login, and when a stream cannot go on where it
 * is.
 */
import {
  type CloseReason,
  cim,
  type GroupId,
  groupStream,
  inboxOf,
  isGroupId,
  isSeq,
  LOBBY,
  type MessageId,
  type Seq,
  type StreamRef,
  wireName,
} from '@cim/protocol';
import type { Logger, Observer } from '@cim/runtime';
import { type Cursor, policyOf, type Store } from '@cim/store';
import type { AckBatch } from '../subscriptions/ack-batch.ts';
import { Feed } from '../subscriptions/feed.ts';
import type { Followed } from '../subscriptions/feed-sink.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import { type Following, GroupFollower } from './group-follower.ts';
import { type ResumeAnswer, resumeAt } from './resume.ts';

const RESUME_NAMES = {
  [cim.ResumeAnswer.CONTINUE]: 'continue',
  [cim.ResumeAnswer.RESET]: 'reset',
  [cim.ResumeAnswer.EXPIRED]: 'expired',
  [cim.ResumeAnswer.SKIPPED]: 'skipped',
} as const;

/** The part of a session that its resume uses. */
export interface ResumingSession extends Following {
  readonly epoch: Parameters<AckBatch['add']>[0]['epoch'];
  /** The level of the client (docs/protocol.md, "Log in"). */
  readonly level: number;
  /** Whether an entry was pushed before the timeline had resumed. */
  readonly missed: boolean;
  send(frame: cim.Frame.$Properties): void;
  close(reason: CloseReason): void;
}

export interface SessionResumeParts {
  readonly store: Store;
  readonly acks: Pick<AckBatch, 'add'>;
  readonly groups: GroupLogs;
  readonly logger: Logger;
  readonly observer: Observer;
}

export class SessionResume {
  readonly #session: ResumingSession;
  readonly #parts: SessionResumeParts;
  #follower: GroupFollower | undefined;

  constructor(session: ResumingSession, parts: SessionResumeParts) {
    this.#session = session;
    this.#parts = parts;
  }

  begin(resume: cim.Resume): void {
    const cursors = new Map((resume.cursors as cim.Cursor[]).map((wire) => [wire.group, cursorOf(wire)]));
    const named = [...cursors.keys()].some((group) => group !== LOBBY && isGroupId(group));
    if (this.#session.level > 0 && (resume.groups || named))
      this.#follower = new GroupFollower(this.#session, this.#parts, resume.groups);
    this.#begin(cursors).catch((error: unknown) => this.#failed(error));
  }

  /** Looks for changes in the user's groups. */
  groupsChanged(): void {
    this.#follower?.changed();
  }

  /** Called when the entry that ended the user's membership was sent. */
  left(group: GroupId, seq: Seq): void {
    this.#follower?.left(group, seq);
  }

  /** Finds a new position for a stream that cannot go on where it is. */
  goOn(feed: Followed): void {
    this.#goOn(feed).catch((error: unknown) => this.#failed(error));
  }

  /** Tells the client where its streams go on. */
  tell(found: readonly { readonly group: string; readonly at: ResumeAnswer }[]): void {
    for (const { group, at } of found) {
      this.#parts.observer.resumed(RESUME_NAMES[at.answer]);
      if (at.unacked !== undefined) this.#parts.acks.add(this.#session, this.#streamOf(group), at.unacked);
    }
    const streams = found.map(({ group, at: { answer, from, to, id } }) => ({ group, answer, from, to, id }));
    this.#session.send({ resumed: { streams } });
  }

  async #begin(cursors: ReadonlyMap<string, Cursor | undefined>): Promise<void> {
    const { streams } = this.#parts.store;
    const session = this.#session;
    const own = ['', LOBBY].filter((name) => cursors.has(name));
    const [found, groups] = await Promise.all([
      Promise.all(
        own.map(async (group) => ({
          group,
          at: await resumeAt(streams, session, this.#streamOf(group), cursors.get(group)),
        })),
      ),
      this.#follower?.find(cursors) ?? [],
    ]);
    if (!session.ended) {
      this.tell([...found, ...groups]);
      for (const { group, at } of found) this.#follow(group, at);
      // After a short absence the entries of a group are still in memory.
      session.places.resume();
    }
    await this.#follower?.start(groups);
  }

  #follow(group: string, at: ResumeAnswer): void {
    const session = this.#session;
    const stream = this.#streamOf(group);
    if (policyOf(stream).fanOut !== 'devices') {
      session.places.follow(this.#parts.groups.lobby, at.next, at.last, at.next > at.top, session);
      return;
    }
    const timeline = new Feed(stream, at.next, this.#parts.store.streams, session, at.last);
    session.places.setTimeline(timeline);
    // Reads the entries that were there, or that were pushed during the question. Since the claim nothing
    // comes without a push.
    if (at.top >= at.next || session.missed) timeline.wake();
  }

  async #goOn(feed: Followed): Promise<void> {
    const { streams, groups } = this.#parts.store;
    const { stream } = feed;
    const group = wireName(stream);
    let joined: Seq | undefined;
    let left = Infinity;
    if (policyOf(stream).readers === 'members') {
      const member = await groups.member(group as GroupId, this.#session.userId);
      const stay = await this.#follower?.stayAt(group as GroupId, feed.next);
      joined = stay?.joined ?? member?.joined;
      left = stay?.left ?? Infinity;
      // The user is no longer a member. The entry that says so may be lost.
      if (joined === undefined) return this.#session.places.leave(group, this.#session);
    }
    const at = await resumeAt(streams, this.#session, stream, feed.last, feed.had, joined);
    // The rest of the log is not for this user.
    if (at.next > left) return this.#session.places.leave(group, this.#session);
    if (this.#session.ended) return;
    // CONTINUE means that nothing was lost after all: a deposed server had answered before.
    if (at.answer !== cim.ResumeAnswer.CONTINUE) this.tell([{ group, at }]);
    else this.#parts.observer.resumed('continue');
    feed.moveTo(at.next, at.last);
  }

  #failed(error: unknown): void {
    this.#parts.logger.warn({ err: error, userId: this.#session.userId }, 'resume.failed');
    this.#session.close('unavailable');
  }

  #streamOf(group: string): StreamRef {
    return group === '' ? inboxOf(this.#session.userId) : groupStream(group as GroupId);
  }
}

function cursorOf({ seq, id }: cim.Cursor): Cursor | undefined {
  return isSeq(seq) && (seq > 0 || id !== '') ? { seq, id: id as MessageId } : undefined;
}
