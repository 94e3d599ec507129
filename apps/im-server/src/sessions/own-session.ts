/** A session on our own wire: sends with receipts, streams with cursors and acks (docs/protocol.md). */
import type { Channel, WheelEntry } from '@cim/channel';
import type { DeliveredNotice, Signal } from '@cim/delivery';
import { TokenBucket } from '@cim/runtime';
import {
  CLOSE_REASONS,
  type CloseReason,
  cim,
  type DeviceId,
  deliverFrame,
  entryBytes,
  type Epoch,
  encodeFrame,
  type GroupId,
  groupStream,
  type InstanceId,
  isSeq,
  type NamedUser,
  type Seq,
  type StreamRef,
  type UserId,
  wireName,
  kindOf,
} from '@cim/protocol';
import { type Cursor, type Entry, policyOf, type Position, type UserDevice } from '@cim/store';
import { ACK_TIMEOUT_MS } from '../subscriptions/ack-clock.ts';
import type { Followed, Reached, RestingFollowed } from '../subscriptions/feed-sink.ts';
import { forLevel0 } from '../subscriptions/level0.ts';
import { Places } from '../subscriptions/places.ts';
import { Questions } from './questions.ts';
import type { GroupAt } from '../recovery/group-follower.ts';
import { type ResumingSession, SessionResume } from '../recovery/session-resume.ts';
import type { Session } from './session.ts';
import type { SessionParts } from './session-parts.ts';
import { SessionSends } from './session-sends.ts';
import { Typing } from './typing.ts';
import type { SharedPiece } from '../subscriptions/shared-piece.ts';

/** Level of the log line of each frame, as the logger counts. It is checked before a line is made. */
const DEBUG = 20;

const PONG = encodeFrame(cim.Frame, { pong: {} });

export class OwnSession implements Session, ResumingSession, WheelEntry {
  readonly userId: UserId;
  readonly userName: string;
  readonly device: DeviceId;
  readonly epoch: Epoch;
  readonly endsAt: number;
  readonly #channel: Channel;
  readonly #parts: SessionParts;
  readonly level: number;
  /** When the session began [s since 1970]. Only entries stored later tell how long a delivery takes. */
  readonly #since = Math.floor(Date.now() / 1_000);
  readonly wire = 'own';
  readonly places = new Places();
  /** Created by the client's resume. */
  #resume: SessionResume | undefined;
  missed = false;
  #blocked = false;
  /** Created with the first send. */
  #sends: SessionSends | undefined;
  /** Created with the first question. */
  #questions: Questions | undefined;
  /** Whether the wheel will check the acks. */
  #watched = false;
  /** Created with the first signal. */
  #signals: TokenBucket | undefined;
  /** Created with the first typing signal. */
  #typing: Typing | undefined;
  /**
   * Key: group. Acks of groups, written to the store seldom, because every member acks every entry. Emptied
   * by each save.
   */
  #groupAcks: Map<string, [StreamRef, Cursor]> | undefined;

  /** @param level level of the client (docs/protocol.md, "Log in") */
  constructor(
    user: NamedUser & UserDevice,
    epoch: Epoch,
    channel: Channel,
    parts: SessionParts,
    level = 0,
    endsAt = Infinity,
  ) {
    this.userId = user.userId;
    this.userName = user.userName;
    this.device = user.device;
    this.epoch = epoch;
    this.#channel = channel;
    this.#parts = parts;
    this.level = level;
    this.endsAt = endsAt;
  }

  /** The login was claimed. */
  begin(): void {
    const { instance, idleTimeoutMs } = this.#parts;
    this.send({ welcome: { userId: this.userId, epoch: this.epoch, idleTimeoutMs, instance: instance.id } });
  }

  onFrame(frame: cim.Frame): void {
    if (this.#parts.logger.levelVal <= DEBUG) this.#note(frame);
    if (frame.send) (this.#sends ??= new SessionSends(this, this.#parts)).send(frame.send as cim.Send);
    else if (frame.ack) this.#onAck(frame.ack as cim.Ack);
    else if (frame.ping) this.respond(PONG);
    else if (frame.resume) this.#onResume(frame.resume as cim.Resume);
    else if (frame.counters) this.#onCounters(frame.counters as cim.Counters);
    else if (frame.delivered) this.#onDelivered(frame.delivered as cim.Delivered);
    else if (frame.find) this.#onFind(frame.find as cim.Find);
    else if (frame.signal) this.#onSignal(frame.signal as cim.Signal);
    // A body that this version does not know is a newer client's: it is ignored. A pong is a sign of life, as every frame is.
    else if (frame.body !== undefined && !frame.pong) this.close('protocol-error');
  }

  #note(frame: cim.Frame): void {
    const { to, group, counter } = frame.send ?? {};
    const { seq } = frame.ack ?? {};
    const { userId, device } = this;
    const line = { userId, device, frame: frame.body, to, group, counter, seq };
    this.#parts.logger.debug(line, 'frame.in');
  }

  onDrain(): void {
    this.#blocked = false;
    this.readOn();
    this.places.resume();
  }

  /** Reads from the client again, unless something else holds the session up. */
  readOn(): void {
    if (!this.#blocked && this.#sends?.takesMore !== false) this.#channel.resume();
  }

  pause(): void {
    this.#channel.pause();
  }

  onClosed(): void {
    this.#parts.wheel.cancel(this);
    this.#sends?.end();
    this.places.end(this);
    this.#saveGroupAcks();
  }

  deliver(entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone' {
    if (this.#channel.closed !== undefined) return 'gone';
    const timeline = this.places.timeline;
    if (timeline === undefined) this.missed = true;
    else if (entry === undefined) timeline.wake();
    else timeline.offer(entry, from);
    return 'taken';
  }

  delivered({ to, seq }: DeliveredNotice): void {
    this.send({ delivered: { to, seq } });
  }

  fetchOffline(): void {
    this.places.timeline?.wake();
  }

  get timeline(): Followed | undefined {
    return this.places.timeline;
  }

  get address(): string {
    return this.#channel.remoteAddress;
  }

  placeIn(name: string): Reached | undefined {
    return this.places.reached(name);
  }

  get inboxAt(): Cursor | undefined {
    return this.places.timeline?.last;
  }

  look(inboxAt: Cursor | undefined, position: Position): void {
    if (inboxAt !== undefined) this.places.timeline?.check(inboxAt, position);
    this.places.resume();
    this.places.rest();
    this.#saveGroupAcks();
    this.#resume?.groupsChanged();
  }

  signal(signal: Signal, frame: Uint8Array): void {
    const own = signal.kind === 'device' && signal.device === this.device;
    // A client that does not read misses signals: nothing waits for them.
    if (this.level > 0 && !own && this.ready()) this.respond(frame);
  }

  groupsChanged(): void {
    this.#resume?.groupsChanged();
  }

  resumed(groups: readonly GroupAt[]): void {
    this.#resume?.tell(groups);
  }

  /** Whether the channel has ended. */
  get ended(): boolean {
    return this.#channel.closed !== undefined;
  }

  recount(): void {
    if (this.places.size > 0) this.send({ counters: {} });
  }

  close(reason: CloseReason, afterMs = 0): void {
    const { number, text, reconnect } = CLOSE_REASONS[reason];
    this.#channel.close(
      reason,
      encodeFrame(cim.Frame, { goaway: { reason: number, text, reconnect, afterMs } }),
    );
  }

  ready(): boolean {
    return !this.#blocked && this.#channel.closed === undefined && this.#parts.instance.serving;
  }

  write(_feed: Followed, entry: Entry): void {
    if (this.#parts.logger.levelVal <= DEBUG) {
      const { userId, device } = this;
      this.#parts.logger.debug({ userId, device, seq: entry.seq, from: entry.sender.userId }, 'entry.out');
    }
    this.#parts.observer.delivered('own', 'inbox', 1);
    this.#deliver(deliverFrame('', entryBytes(this.level === 0 ? forLevel0(entry) : entry)));
  }

  writeShared(feed: Followed, piece: SharedPiece): void {
    this.#parts.observer.delivered('own', 'group', piece.entries.length);
    this.#deliver(this.level === 0 ? piece.ownLevel0 : piece.own);
    const { leavers } = piece;
    if (leavers === undefined || (leavers !== 'all' && !leavers.includes(this.userId))) return;
    // Nothing more is sent of this group. The user may be a member again by now.
    const group = wireName(feed.stream);
    this.places.leave(group, this, { seq: piece.to, id: piece.id });
    this.#resume?.left(group as GroupId, piece.to);
  }

  /** Called by the wheel: checks for entries that were not acked for too long. */
  onTimeout(): void {
    this.#watched = false;
    const now = this.now();
    const answer = this.places.lookAtAcks(now);
    if (answer === 'give-up') return this.close('ack-timeout');
    if (answer === 'stalled') return this.close('slow-consumer');
    const dueIn = this.places.acksDueIn(now);
    if (dueIn === Infinity) return;
    this.#watched = true;
    this.#parts.wheel.schedule(this, dueIn);
  }

  woken(group: GroupId, feed: RestingFollowed): boolean {
    return this.places.woken(group, feed);
  }

  now(): number {
    return this.#parts.wheel.time;
  }

  passed(_feed: Followed, sender: UserId, seq: Seq, from: InstanceId | undefined): void {
    this.#parts.calls.delivered({ sender, to: this.userId, seq }, from);
  }

  acknowledged({ stream }: Followed, storedAt: number): void {
    if (storedAt >= this.#since * 1_000)
      this.#parts.observer.acknowledged(kindOf(stream), (Date.now() - storedAt) / 1_000);
  }

  broken(feed: Followed, event: 'stream.went-back' | 'stream.trimmed'): void {
    this.#parts.logger.warn({ userId: this.userId, stream: feed.stream, at: feed.last }, event);
    this.#resume?.goOn(feed);
  }

  expired(feed: Followed, from: Seq, to: Seq): void {
    const answer = cim.ResumeAnswer.EXPIRED;
    this.#parts.observer.resumed('expired');
    this.send({ resumed: { streams: [{ group: wireName(feed.stream), answer, from, to }] } });
  }

  lost(feed: Followed, from: Seq, top: Seq): void {
    const { stream } = feed;
    this.#parts.logger.warn({ userId: this.userId, stream, at: feed.last, from }, 'stream.lost-entries');
    const answer = cim.ResumeAnswer.RESET;
    this.send({ resumed: { streams: [{ group: wireName(stream), answer, from, to: top }] } });
  }

  #deliver(frames: Uint8Array): void {
    if (!this.#watched) {
      this.#watched = true;
      this.#parts.wheel.schedule(this, ACK_TIMEOUT_MS);
    }
    if (!this.#channel.send(frames)) this.#blocked = true;
  }

  #onAck(ack: cim.Ack): void {
    if (!isSeq(ack.seq) || !isSeq(ack.held)) return this.close('protocol-error');
    const feed = this.places.get(ack.group);
    if (feed === undefined) {
      if (this.places.hasLeft(ack.group)) return this.#onLastAck(ack);
      // Accepts the ack of an entry that was acked before.
      if (ack.seq > (this.places.restingIn(ack.group)?.top ?? -1)) this.close('protocol-error');
      return;
    }
    const cursor = feed.ack(ack.seq);
    if (ack.held > 0) feed.hold(ack.held);
    if (cursor === 'unsent') return this.close('protocol-error');
    if (cursor === undefined) return;
    if (policyOf(feed.stream).acks === 'seldom')
      (this.#groupAcks ??= new Map()).set(ack.group, [feed.stream, cursor]);
    else this.#parts.acks.add(this, feed.stream, cursor);
  }

  /** Takes the ack of a group that the user has left: the device has all of it, and does not get it again. */
  #onLastAck({ group, seq }: cim.Ack): void {
    const last = this.places.leftAt(group);
    if (last !== undefined && seq >= last.seq)
      this.#parts.acks.add(this, groupStream(group as GroupId), last);
  }

  #onCounters(counters: cim.Counters): void {
    if (!this.#questionsOfMine().counters(counters)) this.close('protocol-error');
  }

  #onDelivered(delivered: cim.Delivered): void {
    if (!this.#questionsOfMine().delivered(delivered)) this.close('protocol-error');
  }

  #onFind(find: cim.Find): void {
    if (!this.#questionsOfMine().find(find)) this.close('protocol-error');
  }

  #questionsOfMine(): Questions {
    const { store, scans } = this.#parts;
    return (this.#questions ??= new Questions(this.userId, store.streams, scans, (answer) =>
      this.send(answer),
    ));
  }

  #saveGroupAcks(): void {
    if (this.#groupAcks === undefined) return;
    for (const [stream, cursor] of this.#groupAcks.values()) this.#parts.acks.add(this, stream, cursor);
    this.#groupAcks = undefined;
  }

  #onResume(resume: cim.Resume): void {
    if (this.#resume !== undefined) return this.close('protocol-error');
    this.#resume = new SessionResume(this, this.#parts);
    this.#resume.begin(resume);
  }

  #onSignal(signal: cim.Signal): void {
    this.#signals ??= new TokenBucket(this.#parts.limits.signal);
    // Signals do not wait: one above the limit is dropped.
    if (this.#signals.take(1, this.now()) > 0) return;
    this.#typing ??= new Typing(
      this,
      (group) => this.places.has(group),
      this.#parts.calls,
      () => this.now(),
    );
    if (!this.#typing.signal(signal)) this.close('protocol-error');
  }

  send(frame: cim.Frame.$Properties): void {
    this.respond(encodeFrame(cim.Frame, frame));
  }

  /**
   * Writes answers to the client. While the client does not read them, nothing is read from it, so that
   * answers do not pile up.
   */
  respond(frames: Uint8Array): void {
    if (this.#channel.send(frames)) return;
    this.#blocked = true;
    this.#channel.pause();
  }
}
