import {
  CLOSE_REASONS,
  closeReasonOf,
  decodeServerFrame,
  encodeClientFrame,
  FRAME_LIMITS,
} from '@cim/protocol';
import { type CloseReason, FrameDecoder, FrameError, type UserId, type wire } from '@cim/protocol';
import type { LinkTimes } from './client-options.ts';
import type { Place } from './route-api.ts';
import type { Cancel, Timers } from './timers.ts';
import type { Connection, TlsReason, Transport } from './transport.ts';

/** How a connection ended. */
export interface LinkEnd {
  readonly reason: CloseReason;
  /** One line for a person. */
  readonly text: string;
  readonly reconnect: boolean;
  /** The client should not reconnect sooner than this [ms]. */
  readonly afterMs: number;
}

/** The calls of a link to its client. `onEnd` is called once, and nothing after it. */
export interface LinkParts extends Timers {
  readonly transport: Transport;
  /** Called after the welcome. */
  resume(): wire.Resume;
  /** Acks everything that is not acked yet. */
  ackNow(): void;
  /** When the oldest unanswered send was written. */
  waitingSince(): number | undefined;
  onReady(resumed: wire.Resumed): void;
  /** Called again while ready: entries were trimmed before they could be sent. */
  onResumed(resumed: wire.Resumed): void;
  /** False: entries are missing, so the link starts again. */
  onDeliver(deliver: wire.Deliver): boolean;
  onReceipt(receipt: wire.Receipt): void;
  onDelivered(delivered: wire.Delivered): void;
  onCounters(counters: wire.Counters): void;
  onFound(found: wire.Found): void;
  onSignal(signal: wire.Signal): void;
  /** The server has refused a frame; the connection goes on. */
  onRefusal(error: wire.Refusal): void;
  onDrain(): void;
  onEnd(end: LinkEnd): void;
}

export const LINK_TIMES: LinkTimes = {
  connectMs: 5_000,
  handshakeMs: 10_000,
  pingAfterMs: 15_000,
  idleMs: 30_000,
  answerMs: 20_000,
};

/** The level of this client (docs/protocol.md, "Log in"). */
const LEVEL = 1;

/**
 * One connection to an im-server: login, resume, then frames in both directions, until it ends. It is never
 * used again.
 */
export class Link {
  readonly #parts: LinkParts;
  readonly #times: LinkTimes;
  readonly #place: Place;
  readonly #login: wire.Login;
  readonly #connection: Connection;
  readonly #decoder = new FrameDecoder(FRAME_LIMITS.toClient);
  readonly #startedAt: number;
  /** Resolves when the connection is closed: all written bytes are sent, or lost. */
  readonly whenClosed: Promise<void>;
  #state: 'connecting' | 'login' | 'resuming' | 'ready' | 'ended' = 'connecting';
  #heardAt = 0;
  #writtenAt = 0;
  #pingAfterMs: number;
  #goaway: wire.Goaway | undefined;
  #timer: Cancel | undefined;

  constructor(place: Place, user: { userId: UserId; agent: string }, parts: LinkParts, times: LinkTimes) {
    this.#parts = parts;
    this.#times = times;
    this.#place = place;
    this.#login = { userId: user.userId, ticket: place.ticket, agent: user.agent, level: LEVEL };
    this.#pingAfterMs = times.pingAfterMs;
    this.#startedAt = parts.now();
    let closed: () => void = () => undefined;
    this.whenClosed = new Promise((resolve) => (closed = resolve));
    this.#connection = parts.transport(place.address, {
      onOpen: () => this.#onOpen(),
      onBytes: (bytes) => this.#onBytes(bytes),
      onDrain: () => {
        if (this.#state === 'ready') this.#parts.onDrain();
      },
      onClose: (problem, reason) => {
        closed();
        this.#onClose(problem, reason);
      },
    });
    this.#wakeAfter(times.connectMs);
  }

  /** `host:port` of the im-server. */
  get server(): string {
    const { host, port } = this.#place.address;
    return `${host}:${port}`;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Sends when the link is ready. False: wait for `onDrain`. */
  send(send: Partial<wire.Send>): boolean {
    return this.#write('send', send);
  }

  ack(ack: Partial<wire.Ack>): void {
    if (this.#state === 'ready') this.#write('ack', ack);
  }

  /**
   * Asks how far a recipient is, what the store has, or what a stream holds. An answer may come. A signal has
   * no answer.
   */
  ask<K extends 'counters' | 'delivered' | 'find' | 'signal'>(
    kind: K,
    question: Partial<wire.ClientFrames[K]>,
  ): void {
    if (this.#state === 'ready') this.#write(kind, question);
  }

  /** Writes queued bytes and closes. `onEnd` follows, perhaps at once. */
  close(reason: CloseReason): void {
    this.#end(reason, CLOSE_REASONS[reason].text);
  }

  #onTimeout(): void {
    const { times, now } = { times: this.#times, now: this.#parts.now() };
    if (this.#state === 'ended') return;
    if (this.#state === 'connecting') {
      this.#end(
        'error',
        `cannot reach ${this.#place.address.url ?? this.server}: no answer in ${times.connectMs / 1000} s`,
      );
      return;
    }
    if (this.#state !== 'ready') {
      const left = this.#startedAt + times.handshakeMs - now;
      if (left <= 0) this.#end('idle', `${this.server} did not answer the login`);
      else this.#wakeAfter(left);
      return;
    }
    const waiting = this.#parts.waitingSince();
    if (now - this.#heardAt >= times.idleMs || (waiting !== undefined && now - waiting >= times.answerMs)) {
      this.#end('idle', CLOSE_REASONS.idle.text);
      return;
    }
    if (now - this.#writtenAt >= this.#pingAfterMs) this.#showLife(now);
    const idleLeft = this.#heardAt + times.idleMs - now;
    const pingLeft = this.#writtenAt + this.#pingAfterMs - now;
    this.#wakeAfter(Math.max(1, Math.min(idleLeft, pingLeft, times.answerMs)));
  }

  /**
   * An ack does it too, and is not answered: who has just heard the server need not ask it. What was heard must stay news
   * until the next look, which may come a little late: two silences of `pingAfterMs` are as long as the server may be still.
   */
  #showLife(now: number): void {
    this.#parts.ackNow();
    if (this.#writtenAt < now || now - this.#heardAt >= this.#pingAfterMs / 2) this.#write('ping', {});
  }

  #wakeAfter(ms: number): void {
    this.#timer?.();
    this.#timer = this.#parts.after(ms, () => this.#onTimeout());
  }

  #onOpen(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'login';
    this.#write('login', this.#login);
    this.#wakeAfter(this.#times.handshakeMs);
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#state === 'ended') return;
    this.#heardAt = this.#parts.now();
    try {
      this.#decoder.push(bytes, (body) => this.#onFrame(body));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#end(error.reason, error.message);
    }
  }

  /** Takes a frame. False: the link has ended. */
  #onFrame(body: Uint8Array): boolean {
    let frame: wire.ServerFrame | undefined;
    try {
      frame = decodeServerFrame(body);
    } catch {
      this.#end('bad-frame', `${this.server} sent bytes that are no frame of this protocol`);
    }
    // A kind of frame that only a newer server knows. It still shows that the server lives.
    if (frame !== undefined) this.#take(frame);
    return this.#isOpen();
  }

  #take({ kind, body }: wire.ServerFrame): void {
    const ready = this.#state === 'ready';
    switch (kind) {
      case 'welcome':
        this.#onWelcome(body);
        return;
      case 'resumed':
        if (ready) this.#parts.onResumed(body);
        if (this.#state !== 'resuming') return;
        this.#state = 'ready';
        this.#wakeAfter(Math.min(this.#pingAfterMs, this.#times.idleMs));
        this.#parts.onReady(body);
        return;
      case 'deliver':
        if (ready && !this.#parts.onDeliver(body)) this.#end('error', 'entries of a stream are missing');
        return;
      case 'receipt':
        this.#parts.onReceipt(body);
        return;
      case 'delivered':
        this.#parts.onDelivered(body);
        return;
      case 'counters':
        if (ready) this.#parts.onCounters(body);
        return;
      case 'found':
        if (ready) this.#parts.onFound(body);
        return;
      case 'signal':
        if (ready) this.#parts.onSignal(body);
        return;
      case 'ping':
        this.#write('pong', {});
        return;
      case 'pong':
        return;
      case 'goaway':
        this.#onGoaway(body);
        return;
      case 'error':
        this.#parts.onRefusal(body);
    }
  }

  #onWelcome(welcome: wire.Welcome): void {
    if (this.#state !== 'login') return;
    this.#state = 'resuming';
    if (welcome.idleTimeoutMs > 0) this.#pingAfterMs = Math.min(this.#pingAfterMs, welcome.idleTimeoutMs / 2);
    this.#write('resume', this.#parts.resume());
  }

  #onGoaway(goaway: wire.Goaway): void {
    this.#goaway = goaway;
    const reason = closeReasonOf(goaway.reason);
    this.#end(reason, goaway.text.split(/[\r\n]/, 1)[0]?.slice(0, 300) || CLOSE_REASONS[reason].text);
  }

  #onClose(problem: string | undefined, reason: TlsReason | undefined): void {
    if (reason !== undefined) this.#end(reason, problem ?? CLOSE_REASONS[reason].text);
    else if (this.#state === 'connecting')
      this.#end('error', `cannot reach ${this.#place.address.url ?? this.server}: ${problem ?? 'no answer'}`);
    else if (problem === undefined) this.#end('closed', CLOSE_REASONS.closed.text);
    else this.#end('error', problem);
  }

  #write<K extends keyof wire.ClientFrames>(kind: K, body: Partial<wire.ClientFrames[K]>): boolean {
    this.#writtenAt = this.#parts.now();
    return this.#connection.send(encodeClientFrame(kind, body));
  }

  /** This is a function because the state changes while a frame is taken. */
  #isOpen(): boolean {
    return this.#state !== 'ended';
  }

  #end(reason: CloseReason, text: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#timer?.();
    this.#connection.close();
    this.#parts.onEnd({
      reason,
      text,
      reconnect: this.#goaway?.reconnect ?? CLOSE_REASONS[reason].reconnect,
      afterMs: this.#goaway?.afterMs ?? 0,
    });
  }
}
