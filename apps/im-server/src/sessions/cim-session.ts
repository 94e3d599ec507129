/**
 * A session of an unmodified CIM client. Its wire has no receipts and no acks. Messages stored before the
 * login are sent first, when the client asks or by itself; live private messages wait behind them. The
 * promise ends when the kernel took the bytes.
 */
import type { Channel } from '@cim/channel';
import {
  type CloseReason,
  cim,
  type DeviceId,
  type Epoch,
  encodeFrame,
  type GroupId,
  type InstanceId,
  inboxOf,
  messageId,
  type NamedUser,
  type MessageId,
  type Seq,
  type UserId,
  kindOf,
} from '@cim/protocol';
import { type Cursor, type Entry, isCopy, policyOf, type Position, type UserDevice } from '@cim/store';
import { Feed } from '../subscriptions/feed.ts';
import type { FeedSink, Followed, Reached, RestingFollowed } from '../subscriptions/feed-sink.ts';
import { Places } from '../subscriptions/places.ts';
import { resumeAt } from '../recovery/resume.ts';
import type { Session } from './session.ts';
import type { SessionParts } from './session-parts.ts';
import { cimTextsOf, type SharedPiece } from '../subscriptions/shared-piece.ts';

/**
 * Wait before messages from before the login are sent without a request [ms]. CIM's client asks 5 s after its
 * first connect, and never after a reconnect.
 */
const OFFLINE_AFTER_MS = 6_000;
/** Frames sent at once. CIM's terminal drops frames that its queue of 10 cannot take. */
const OFFLINE_FRAMES = 8;
const OFFLINE_TURN_MS = 100;
const OFFLINE_READ = 64;
const OFFLINE_FRAME_BYTES = 128 * 1024;
/** Wait after the store did not answer [ms]. */
const OFFLINE_RETRY_MS = 1_000;

const PONG = encodeFrame(cim.Frame, { cmd: cim.BaseCommand.PING, text: 'pong' });

export class CimSession implements Session, FeedSink {
  readonly userId: UserId;
  readonly userName: string;
  readonly device: DeviceId;
  readonly epoch: Epoch;
  readonly endsAt = Infinity;
  readonly #channel: Channel;
  readonly #parts: SessionParts;
  /** When the session began [s since 1970]. Only entries stored later tell how long a delivery takes. */
  readonly #since = Math.floor(Date.now() / 1_000);
  readonly wire = 'cim';
  readonly #places = new Places();
  /** `#offlineNext` to `#offlineTo`: entries from before the login that are not sent yet. */
  #offlineNext = 1 as Seq;
  #offlineTo = 0 as Seq;
  #offline: 'unknown' | 'waiting' | 'sending' | 'done' = 'unknown';
  #asked = false;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #flushing = false;

  constructor(user: NamedUser & UserDevice, epoch: Epoch, channel: Channel, parts: SessionParts) {
    this.userId = user.userId;
    this.userName = user.userName;
    this.device = user.device;
    this.epoch = epoch;
    this.#channel = channel;
    this.#parts = parts;
  }

  /** The login was claimed. CIM's wire has no answer to a login. */
  begin(): void {
    this.#begin().catch((error: unknown) => {
      this.#parts.logger.warn({ err: error, userId: this.userId }, 'resume.failed');
      this.close('unavailable');
    });
  }

  onFrame(frame: cim.Frame): void {
    // A repeated login and texts have no effect: a CIM client sends its messages to the route.
    if (frame.cmd === cim.BaseCommand.PING) this.#channel.send(PONG);
  }

  onDrain(): void {
    this.#blocked = false;
    this.#places.resume();
  }

  onClosed(): void {
    clearTimeout(this.#timer);
    this.#places.end(this);
    this.#saveAcks();
  }

  deliver(entry: Entry | undefined): 'taken' | 'gone' {
    if (this.#channel.closed !== undefined) return 'gone';
    if (entry === undefined) this.#places.timeline?.wake();
    else this.#places.timeline?.offer(entry);
    return 'taken';
  }

  /** CIM's wire has no frame for it. */
  delivered(): void {}

  recount(): void {}

  signal(): void {}

  /** A CIM client knows no group but the lobby. */
  groupsChanged(): void {}

  fetchOffline(): void {
    this.#asked = true;
    if (this.#offline === 'waiting') this.#startOffline();
  }

  get timeline(): Followed | undefined {
    return this.#places.timeline;
  }

  get address(): string {
    return this.#channel.remoteAddress;
  }

  placeIn(name: string): Reached | undefined {
    return this.#places.reached(name);
  }

  get inboxAt(): Cursor | undefined {
    return this.#places.timeline?.last;
  }

  look(inboxAt: Cursor | undefined, position: Position): void {
    if (inboxAt !== undefined) this.#places.timeline?.check(inboxAt, position);
    this.#places.resume();
    this.#places.rest();
  }

  /** CIM's wire has no goodbye frame: the connection just ends. */
  close(reason: CloseReason): void {
    this.#saveAcks();
    this.#channel.close(reason);
  }

  ready(): boolean {
    return !this.#blocked && this.#channel.closed === undefined && this.#parts.instance.serving;
  }

  write(feed: Followed, entry: Entry): void {
    this.#parts.observer.delivered('cim', 'inbox', 1);
    // A CIM client shows only messages of others.
    if (!isCopy(entry)) this.#sendTexts(cim.BaseCommand.MESSAGE, entry, cimTextsOf(entry.content));
    this.#ackWhenFlushed(feed);
  }

  writeShared(feed: Followed, { entries, texts, to }: SharedPiece): void {
    this.#parts.observer.delivered('cim', 'group', entries.length);
    entries.forEach((entry, i) => {
      if (entry.sender.userId !== this.userId)
        this.#sendTexts(cim.BaseCommand.MESSAGE, entry, texts[i] ?? []);
    });
    // A CIM client has no cursor in a group; the lobby begins at the login.
    feed.ack(to);
  }

  expired(): void {
    // CIM's wire has no frame for it, so the im-server writes it to its log.
    this.#parts.logger.warn({ userId: this.userId }, 'stream.expired');
  }

  lost(feed: Followed, from: Seq): void {
    const { stream } = feed;
    this.#parts.logger.warn({ userId: this.userId, stream, at: feed.last, from }, 'stream.lost-entries');
  }

  woken(group: GroupId, feed: RestingFollowed): boolean {
    return this.#places.woken(group, feed);
  }

  now(): number {
    return this.#parts.wheel.time;
  }

  /** Tells the sender that its message is delivered: the kernel took it. */
  passed(_feed: Followed, sender: UserId, seq: Seq, from: InstanceId | undefined): void {
    this.#parts.calls.delivered({ sender, to: this.userId, seq }, from);
  }

  acknowledged({ stream }: Followed, storedAt: number): void {
    if (storedAt >= this.#since * 1_000)
      this.#parts.observer.acknowledged(kindOf(stream), (Date.now() - storedAt) / 1_000);
  }

  broken(feed: Followed, event: 'stream.went-back' | 'stream.trimmed'): void {
    this.#parts.logger.warn({ userId: this.userId, stream: feed.stream, at: feed.last }, event);
    this.#goOn(feed).catch(() => this.close('unavailable'));
  }

  /**
   * Finds a new position for a stream. An inbox goes on after the newest entry that both sides know. A group
   * never goes back, since the client would show its messages again.
   */
  async #goOn(feed: Followed): Promise<void> {
    const { streams } = this.#parts.store;
    if (policyOf(feed.stream).catchUp === 'all') {
      const { next, last } = await resumeAt(streams, this, feed.stream, feed.last);
      feed.moveTo(next, last);
      return;
    }
    const { first, top } = await streams.kept.position(feed.stream);
    feed.moveTo(Math.min(Math.max(feed.next, first), top + 1) as Seq, '' as MessageId);
  }

  async #begin(): Promise<void> {
    const {
      store,
      groups: { lobby },
    } = this.#parts;
    const inbox = inboxOf(this.userId);
    const [own, group] = await Promise.all([
      resumeAt(store.streams, this, inbox, undefined),
      store.streams.position(lobby.stream),
    ]);
    const { top } = await store.streams.position(inbox);
    if (this.#channel.closed !== undefined) return;
    this.#places.follow(lobby, (group.top + 1) as Seq, group.topId, true, this);
    this.#offlineTo = top;
    this.#offlineNext = own.next;
    if (this.#offlineNext > this.#offlineTo) this.#goLive();
    else if (this.#asked) this.#startOffline();
    else {
      this.#offline = 'waiting';
      this.#timer = setTimeout(() => this.#startOffline(), OFFLINE_AFTER_MS);
    }
  }

  #startOffline(): void {
    clearTimeout(this.#timer);
    this.#offline = 'sending';
    void this.#sendOffline();
  }

  /** Sends one portion: at most 8 frames, then 100 ms of silence. */
  async #sendOffline(): Promise<void> {
    let frames = 0;
    let againMs = OFFLINE_TURN_MS;
    try {
      while (frames < OFFLINE_FRAMES && this.#offlineNext <= this.#offlineTo && this.ready()) {
        const entries = await this.#parts.store.streams.read(
          inboxOf(this.userId),
          this.#offlineNext,
          OFFLINE_READ,
        );
        // All entries from before the login were trimmed meanwhile; the log is empty or holds newer ones
        // only.
        if ((entries[0]?.seq ?? Infinity) > this.#offlineTo) {
          this.#offlineNext = (this.#offlineTo + 1) as Seq;
          break;
        }
        for (const run of runsOfOneSender(entries.filter((e) => e.seq <= this.#offlineTo))) {
          const last = run.at(-1);
          const first = run[0];
          if (first === undefined || last === undefined || frames === OFFLINE_FRAMES || !this.ready()) break;
          const shown = run.filter((entry) => !isCopy(entry) && cimTextsOf(entry.content).length > 0);
          if (shown.length > 0) {
            const texts = shown.flatMap((entry) => cimTextsOf(entry.content));
            this.#sendTexts(cim.BaseCommand.OFFLINE, first, texts);
            this.#parts.observer.delivered('cim', 'inbox', shown.length);
            frames++;
          }
          this.#offlineNext = (last.seq + 1) as Seq;
          this.#saveOffline(last);
        }
      }
    } catch {
      againMs = OFFLINE_RETRY_MS;
    }
    if (this.#channel.closed !== undefined) return;
    if (this.#offlineNext > this.#offlineTo) this.#goLive();
    else this.#timer = setTimeout(() => void this.#sendOffline(), againMs);
  }

  #goLive(): void {
    this.#offline = 'done';
    const stream = inboxOf(this.userId);
    const timeline = new Feed(stream, this.#offlineNext, this.#parts.store.streams, this);
    this.#places.setTimeline(timeline);
    timeline.wake();
  }

  #sendTexts(cmd: cim.BaseCommand, entry: Entry, texts: readonly string[]): void {
    if (texts.length === 0) return;
    const { userId, userName } = entry.sender;
    const only = cmd === cim.BaseCommand.MESSAGE && texts.length === 1 ? texts[0] : undefined;
    const frame = encodeFrame(cim.Frame, {
      cmd,
      id: this.userId,
      ...(only === undefined ? { batch: [...texts] } : { text: only }),
      properties: { sendUserId: String(userId), sendUserName: userName, receiveUserId: String(this.userId) },
    });
    if (!this.#channel.send(frame)) this.#blocked = true;
  }

  #saveOffline({ seq, sender, producer, counter }: Entry): void {
    const cursor = { seq, id: messageId(sender.userId, producer, counter) };
    this.#channel.flushed(() => this.#parts.acks.add(this, inboxOf(this.userId), cursor));
  }

  /**
   * The epoch of the next login would make a waiting ack worthless, and a CIM client shows twice what it gets
   * twice.
   */
  #saveAcks(): void {
    void this.#parts.acks.flush();
  }

  /**
   * One callback covers everything written before it runs: bytes that the kernel took count as the client's.
   */
  #ackWhenFlushed(feed: Followed): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const upTo = (feed.next - 1) as Seq;
    this.#channel.flushed(() => {
      this.#flushing = false;
      const cursor = feed.ack(upTo);
      if (cursor !== undefined && cursor !== 'unsent') this.#parts.acks.add(this, feed.stream, cursor);
      if (feed.next - 1 > upTo) this.#ackWhenFlushed(feed);
    });
  }
}

/** Splits entries into runs of one sender, since a frame of CIM has one set of properties. */
function runsOfOneSender(entries: readonly Entry[]): Entry[][] {
  const runs: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const run = runs.at(-1);
    bytes += entry.content.length;
    if (run !== undefined && run[0]?.sender.userId === entry.sender.userId && bytes <= OFFLINE_FRAME_BYTES)
      run.push(entry);
    else {
      runs.push([entry]);
      bytes = entry.content.length;
    }
  }
  return runs;
}
