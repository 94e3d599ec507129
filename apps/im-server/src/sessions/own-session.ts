/** A session on our own wire: sends with receipts, streams with cursors and acks (docs/protocol.md). */
import type { Channel, WheelEntry } from '@cim/channel';
import { type DeliveredNotice, entryToBytes, type SendReceipt } from '@cim/delivery';
import {
  CLOSE_REASONS,
  type CloseReason,
  CODES,
  contentFacts,
  cim,
  deliverFrame,
  type Epoch,
  encodeFrame,
  groupStream,
  type InstanceId,
  inboxOf,
  isProducerId,
  isSeq,
  isUserId,
  LOBBY,
  type MessageId,
  type NamedUser,
  type ProducerId,
  type Seq,
  type StreamRef,
  storedFrame,
  type UserId,
} from '@cim/protocol';
import type { Cursor, Entry, Position } from '@cim/store';
import { ACK_TIMEOUT_MS } from '../subscriptions/ack-clock.ts';
import { Feed } from '../subscriptions/feed.ts';
import type { FeedSink, Followed } from '../subscriptions/feed-sink.ts';
import type { GroupFeed } from '../subscriptions/group-feed.ts';
import { Questions } from './questions.ts';
import { resumeAt } from '../recovery/resume.ts';
import type { Waiter } from './send-budget.ts';
import type { Session } from './session.ts';
import type { SessionParts } from './session-parts.ts';
import type { SharedPiece } from '../subscriptions/shared-piece.ts';

/** Sends of one session that wait for the store; then its channel is not read until half of them are answered. */
const SENDS_UNDER_WAY = 1_024;
const SEND_BYTES_UNDER_WAY = 256 * 1024;

const RESUME_NAMES = {
  [cim.ResumeAnswer.CONTINUE]: 'continue',
  [cim.ResumeAnswer.RESET]: 'reset',
  [cim.ResumeAnswer.EXPIRED]: 'expired',
  [cim.ResumeAnswer.SKIPPED]: 'skipped',
} as const;

const PONG = encodeFrame(cim.Frame, { pong: {} });

export class OwnSession implements Session, FeedSink, WheelEntry, Waiter {
  readonly userId: UserId;
  readonly userName: string;
  readonly epoch: Epoch;
  readonly #channel: Channel;
  readonly #parts: SessionParts;
  #inbox: Feed | undefined;
  #lobby: GroupFeed | undefined;
  #resuming = false;
  /** Something was pushed before the inbox had resumed. */
  #missed = false;
  #blocked = false;
  #sendsUnderWay = 0;
  #sendBytesUnderWay = 0;
  /** Of the newest send that named a good one: nearly always that of the next, too. */
  #producer: ProducerId | undefined;
  /** Made for those who ask. */
  #questions: Questions | undefined;
  /** Whether the wheel will look at the acks. */
  #watched = false;
  /** Written to the store seldom: a group is acked by every member. */
  #groupAck: Cursor | undefined;

  constructor(user: NamedUser, epoch: Epoch, channel: Channel, parts: SessionParts) {
    this.userId = user.userId;
    this.userName = user.userName;
    this.epoch = epoch;
    this.#channel = channel;
    this.#parts = parts;
  }

  /** The login was claimed. */
  begin(): void {
    const { instance, idleTimeoutMs } = this.#parts;
    this.#send({ welcome: { userId: this.userId, epoch: this.epoch, idleTimeoutMs, instance: instance.id } });
  }

  onFrame(frame: cim.Frame): void {
    if (frame.send) this.#onSend(frame.send as cim.Send);
    else if (frame.ack) this.#onAck(frame.ack as cim.Ack);
    else if (frame.ping) this.#respond(PONG);
    else if (frame.resume) this.#onResume(frame.resume as cim.Resume);
    else if (frame.counters) this.#onCounters(frame.counters as cim.Counters);
    else if (frame.delivered) this.#onDelivered(frame.delivered as cim.Delivered);
    else if (frame.find) this.#onFind(frame.find as cim.Find);
    // A body that this version does not know is a newer client's: it is ignored.
    else if (frame.body !== undefined) this.close('protocol-error');
  }

  onDrain(): void {
    this.#blocked = false;
    this.#readOn();
    this.#inbox?.resume();
    this.#lobby?.resume();
  }

  onClosed(): void {
    this.#parts.wheel.cancel(this);
    this.#parts.budget.leave(this);
    this.#inbox?.end();
    this.#lobby?.end();
    this.#saveGroupAck();
  }

  deliver(entry: Entry | undefined, from: InstanceId | undefined): 'taken' | 'gone' {
    if (this.#channel.closed !== undefined) return 'gone';
    if (this.#inbox === undefined) this.#missed = true;
    else if (entry === undefined) this.#inbox.wake();
    else this.#inbox.offer(entry, from);
    return 'taken';
  }

  delivered({ to, seq }: DeliveredNotice): void {
    this.#send({ delivered: { to, seq } });
  }

  fetchOffline(): void {
    this.#inbox?.wake();
  }

  get inboxAt(): Cursor | undefined {
    return this.#inbox?.last;
  }

  look(inboxAt: Cursor | undefined, position: Position): void {
    if (inboxAt !== undefined) this.#inbox?.check(inboxAt, position);
    this.#inbox?.resume();
    this.#lobby?.resume();
    this.#saveGroupAck();
  }

  recount(): void {
    if (this.#inbox !== undefined || this.#lobby !== undefined) this.#send({ counters: {} });
  }

  close(reason: CloseReason): void {
    const { number, text, reconnect } = CLOSE_REASONS[reason];
    this.#channel.close(reason, encodeFrame(cim.Frame, { goaway: { reason: number, text, reconnect } }));
  }

  ready(): boolean {
    return !this.#blocked && this.#channel.closed === undefined && this.#parts.instance.serving;
  }

  write(_feed: Followed, entry: Entry): void {
    this.#parts.observer.delivered('own', 'inbox', 1);
    this.#deliver(deliverFrame('', entryToBytes(entry)));
  }

  writeShared(_feed: Followed, piece: SharedPiece): void {
    this.#parts.observer.delivered('own', 'group', piece.entries.length);
    this.#deliver(piece.own);
  }

  /** The wheel's: is something not acked for too long? */
  onTimeout(): void {
    this.#watched = false;
    const now = this.now();
    for (const feed of [this.#inbox, this.#lobby]) {
      const answer = feed?.lookAtAcks(now);
      if (answer === 'give-up') return this.close('ack-timeout');
      if (answer === 'stalled') return this.close('slow-consumer');
    }
    const dueIn = Math.min(this.#inbox?.acksDueIn(now) ?? Infinity, this.#lobby?.acksDueIn(now) ?? Infinity);
    if (dueIn === Infinity) return;
    this.#watched = true;
    this.#parts.wheel.schedule(this, dueIn);
  }

  now(): number {
    return this.#parts.wheel.time;
  }

  passed(_feed: Followed, sender: UserId, seq: Seq, from: InstanceId | undefined): void {
    this.#parts.dispatcher.delivered({ sender, to: this.userId, seq }, from);
  }

  broken(feed: Followed, event: 'stream.went-back' | 'stream.trimmed'): void {
    this.#parts.logger.warn({ userId: this.userId, stream: feed.stream, at: feed.last }, event);
    this.#goOn(feed).catch((error: unknown) => {
      this.#parts.logger.warn({ err: error, userId: this.userId }, 'resume.failed');
      this.close('unavailable');
    });
  }

  /** Where a stream goes on that cannot go on where it is. */
  async #goOn(feed: Followed): Promise<void> {
    const { streams } = this.#parts.store;
    const at = await resumeAt(streams, this.userId, feed.stream, feed.last, feed.had);
    if (this.#channel.closed !== undefined) return;
    const { answer, from, to, id, next, last } = at;
    this.#parts.observer.resumed(RESUME_NAMES[answer]);
    // Nothing is lost after all: a server that has been deposed had answered.
    if (answer !== cim.ResumeAnswer.CONTINUE)
      this.#send({ resumed: { streams: [{ group: groupName(feed.stream), answer, from, to, id }] } });
    feed.moveTo(next, last);
  }

  expired(feed: Followed, from: Seq, to: Seq): void {
    const answer = cim.ResumeAnswer.EXPIRED;
    this.#parts.observer.resumed('expired');
    this.#send({ resumed: { streams: [{ group: groupName(feed.stream), answer, from, to }] } });
  }

  lost(feed: Followed, from: Seq, top: Seq): void {
    const { stream } = feed;
    this.#parts.logger.warn({ userId: this.userId, stream, at: feed.last, from }, 'stream.lost-entries');
    const answer = cim.ResumeAnswer.RESET;
    this.#send({ resumed: { streams: [{ group: groupName(stream), answer, from, to: top }] } });
  }

  #deliver(frames: Uint8Array): void {
    if (!this.#watched) {
      this.#watched = true;
      this.#parts.wheel.schedule(this, ACK_TIMEOUT_MS);
    }
    if (!this.#channel.send(frames)) this.#blocked = true;
  }

  #onSend(send: cim.Send): void {
    const { to, counter, again, content } = send;
    const begun = performance.now();
    const text = this.#sendProblem(send);
    if (text !== undefined)
      return this.#answer(send, begun, { outcome: 'refused', code: CODES.invalid.code, text });
    if (!this.#parts.instance.serving)
      return this.#answer(send, begun, {
        outcome: 'retry',
        code: CODES.failure.code,
        text: 'the server cannot store messages just now',
      });

    const stream = isUserId(to) ? inboxOf(to) : groupStream(LOBBY);
    this.#sendBegins(content.length);
    // A view of the socket's buffer: the append keeps it beyond this turn, which is fine, nobody writes to it again.
    const producer = this.#producer as ProducerId;
    this.#parts.dispatcher.send({ sender: this, stream, producer, counter, again, content }, (receipt) => {
      this.#sendEnds(content.length);
      this.#answer(send, begun, receipt);
    });
  }

  #sendProblem({ to, group, producer, counter, content }: cim.Send): string | undefined {
    if (!isUserId(to) && (to !== 0 || group !== LOBBY)) return 'there is no such recipient';
    if (producer !== this.#producer && isProducerId(producer)) this.#producer = producer;
    if (producer !== this.#producer || !isSeq(counter) || counter === 0)
      return 'a send needs a producer of 16 to 64 characters and a counter from 1';
    return contentFacts(content).problem;
  }

  #answer(send: cim.Send, begun: number, receipt: SendReceipt): void {
    this.#parts.observer.sendAnswered('tcp', receipt.outcome, (performance.now() - begun) / 1_000);
    switch (receipt.outcome) {
      case 'stored':
        return this.#respond(storedFrame(send, receipt.seq));
      case 'gap':
        return this.#receipt(send, { outcome: cim.Outcome.GAP, last: receipt.last });
      case 'unknown-producer':
        return this.#receipt(send, { outcome: cim.Outcome.UNKNOWN_PRODUCER });
      case 'refused':
        return this.#receipt(send, { ...receipt, outcome: cim.Outcome.REFUSED });
      case 'retry':
        return this.#receipt(send, { ...receipt, outcome: cim.Outcome.RETRY });
    }
  }

  #sendBegins(bytes: number): void {
    const { budget } = this.#parts;
    budget.begin(bytes);
    this.#sendsUnderWay++;
    this.#sendBytesUnderWay += bytes;
    if (budget.spent) budget.wait(this);
    else if (this.#sendsUnderWay < SENDS_UNDER_WAY && this.#sendBytesUnderWay < SEND_BYTES_UNDER_WAY) return;
    this.#channel.pause();
  }

  #sendEnds(bytes: number): void {
    this.#sendsUnderWay--;
    this.#sendBytesUnderWay -= bytes;
    this.#readOn();
    this.#parts.budget.end(bytes);
  }

  /** The server takes sends again. */
  onRelief(): void {
    this.#readOn();
  }

  #readOn(): void {
    if (this.#sendsUnderWay > SENDS_UNDER_WAY / 2 || this.#sendBytesUnderWay > SEND_BYTES_UNDER_WAY / 2)
      return;
    if (!this.#blocked && !this.#parts.budget.awaitedBy(this)) this.#channel.resume();
  }

  #receipt(send: cim.Send, answer: cim.Receipt.$Properties): void {
    const { to, group, producer, counter } = send;
    this.#send({ receipt: { to, group, producer, counter, ...answer } });
  }

  #onAck(ack: cim.Ack): void {
    const feed = ack.group === '' ? this.#inbox : ack.group === LOBBY ? this.#lobby : undefined;
    if (feed === undefined || !isSeq(ack.seq) || !isSeq(ack.held)) return this.close('protocol-error');
    const cursor = feed.ack(ack.seq);
    if (ack.held > 0) feed.hold(ack.held);
    if (cursor === 'unsent') return this.close('protocol-error');
    if (cursor === undefined) return;
    if (feed.stream.kind === 'group') this.#groupAck = cursor;
    else this.#parts.acks.add(this, feed.stream, cursor);
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
      this.#send(answer),
    ));
  }

  #saveGroupAck(): void {
    if (this.#groupAck === undefined) return;
    this.#parts.acks.add(this, groupStream(LOBBY), this.#groupAck);
    this.#groupAck = undefined;
  }

  #onResume(resume: cim.Resume): void {
    if (this.#resuming || this.#inbox !== undefined || this.#lobby !== undefined)
      return this.close('protocol-error');
    this.#resuming = true;
    this.#resume(resume.cursors as cim.Cursor[]).catch((error: unknown) => {
      this.#parts.logger.warn({ err: error, userId: this.userId }, 'resume.failed');
      this.close('unavailable');
    });
  }

  async #resume(cursors: readonly cim.Cursor[]): Promise<void> {
    const { streams } = this.#parts.store;
    const wanted = new Map(
      cursors.filter((c) => c.group === '' || c.group === LOBBY).map((c) => [c.group, c]),
    );
    const resumed = await Promise.all(
      [...wanted.values()].map(async (wire) => {
        const stream = wire.group === '' ? inboxOf(this.userId) : groupStream(LOBBY);
        const cursor =
          isSeq(wire.seq) && (wire.seq > 0 || wire.id !== '')
            ? { seq: wire.seq, id: wire.id as MessageId }
            : undefined;
        return { stream, group: wire.group, at: await resumeAt(streams, this.userId, stream, cursor) };
      }),
    );
    if (this.#channel.closed !== undefined) return;
    this.#send({
      resumed: {
        streams: resumed.map(({ group, at }) => ({
          group,
          answer: at.answer,
          from: at.from,
          to: at.to,
          id: at.id,
        })),
      },
    });
    for (const { stream, at } of resumed) {
      this.#parts.observer.resumed(RESUME_NAMES[at.answer]);
      if (at.unacked !== undefined) this.#parts.acks.add(this, stream, at.unacked);
      if (stream.kind === 'group') this.#lobby = this.#parts.lobby.follow(at.next, at.last, this);
      else {
        this.#inbox = new Feed(stream, at.next, streams, this, at.last);
        // What was there, and what was pushed while it was looked at; nothing comes without a push since the claim.
        if (at.top >= at.next || this.#missed) this.#inbox.wake();
      }
    }
    // In memory already for those who were not away for long.
    this.#lobby?.resume();
  }

  #send(frame: cim.Frame.$Properties): void {
    this.#respond(encodeFrame(cim.Frame, frame));
  }

  /** A client that does not read its answers is not read either, until it does: else they would pile up. */
  #respond(frames: Uint8Array): void {
    if (this.#channel.send(frames)) return;
    this.#blocked = true;
    this.#channel.pause();
  }
}

const groupName = (stream: StreamRef): string => (stream.kind === 'group' ? stream.group : '');
