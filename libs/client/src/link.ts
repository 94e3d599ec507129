import { connect, type Socket } from 'node:net';
import { Channel, type TimingWheel, type TurnFlusher, type WheelEntry } from '@cim/channel';
import { CLOSE_REASONS, cim, closeReasonOf, decodeFrame, encodeFrame, FRAME_LIMITS } from '@cim/protocol';
import type { CloseReason, UserId } from '@cim/protocol';
import { failureText } from './http-caller.ts';
import type { Place } from './route-api.ts';

/** Why a link ended. */
export interface LinkEnd {
  readonly reason: CloseReason;
  /** One line for a person. */
  readonly text: string;
  readonly reconnect: boolean;
  /** Do not come back sooner. */
  readonly afterMs: number;
}

/** What a link tells its client. After `onEnd`, called once, nothing. */
export interface LinkParts {
  readonly wheel: TimingWheel;
  readonly flusher: TurnFlusher;
  /** Monotonic, ms. */
  now(): number;
  /** Asked after the welcome. */
  resume(): cim.Resume.$Properties;
  /** Acks what is not acked yet. */
  ackNow(): void;
  /** Since when the oldest send is unanswered. */
  waitingSince(): number | undefined;
  onReady(resumed: cim.Resumed): void;
  /** Again, while ready: entries were trimmed before they could be sent. */
  onResumed(resumed: cim.Resumed): void;
  /** False: entries are missing, start again. */
  onDeliver(deliver: cim.Deliver): boolean;
  onReceipt(receipt: cim.Receipt): void;
  onDelivered(delivered: cim.Delivered): void;
  onCounters(counters: cim.Counters): void;
  onFound(found: cim.Found): void;
  onSignal(signal: cim.Signal): void;
  /** The server has refused a frame; the link lives. */
  onRefusal(error: cim.Error): void;
  onDrain(): void;
  onEnd(end: LinkEnd): void;
}

/** Figures of a link, ms; tests shorten them. */
export interface LinkTimes {
  readonly connectMs: number;
  /** From the connection to the answer of the resume. */
  readonly handshakeMs: number;
  readonly pingAfterMs: number;
  readonly idleMs: number;
  /** A send unanswered for so long on a live link: start again. */
  readonly answerMs: number;
}

export const LINK_TIMES: LinkTimes = {
  connectMs: 5_000,
  handshakeMs: 10_000,
  pingAfterMs: 15_000,
  idleMs: 30_000,
  answerMs: 20_000,
};

/** What this client understands: docs/protocol.md, "Login". */
const LEVEL = 1;

/** One connection to an im-server: TCP, login, resume, then frames both ways, until it ends. Never comes back. */
export class Link implements WheelEntry {
  readonly #parts: LinkParts;
  readonly #times: LinkTimes;
  readonly #place: Place;
  readonly #login: cim.Login.$Properties;
  readonly #socket: Socket;
  readonly #startedAt: number;
  /** Resolves when the socket is closed: all that was written is out, or lost. */
  readonly whenClosed: Promise<void>;
  #channel: Channel | undefined;
  #state: 'connecting' | 'login' | 'resuming' | 'ready' | 'ended' = 'connecting';
  #heardAt = 0;
  #writtenAt = 0;
  #pingAfterMs: number;
  #goaway: cim.Goaway | undefined;

  constructor(place: Place, user: { userId: UserId; agent: string }, parts: LinkParts, times: LinkTimes) {
    this.#parts = parts;
    this.#times = times;
    this.#place = place;
    this.#login = { userId: user.userId, ticket: place.ticket, agent: user.agent, level: LEVEL };
    this.#pingAfterMs = times.pingAfterMs;
    this.#startedAt = parts.now();
    this.#socket = connect({ host: place.host, port: place.tcpPort, noDelay: true });
    this.whenClosed = new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
    });
    this.#socket.once('connect', () => this.#onConnected());
    this.#socket.on('error', (error) => {
      if (this.#channel === undefined)
        this.#end('error', `cannot reach ${this.server}: ${failureText(error, 0)}`);
    });
    parts.wheel.schedule(this, times.connectMs);
  }

  /** `host:port` of the im-server. */
  get server(): string {
    return `${this.#place.host}:${this.#place.tcpPort}`;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Only when ready. False: wait for `onDrain`. */
  send(send: cim.Send.$Properties): boolean {
    return this.#write({ send });
  }

  ack(ack: cim.Ack.$Properties): void {
    if (this.#state === 'ready') this.#write({ ack });
  }

  /** How far a recipient is, what the store has, what a stream holds; answered, perhaps. A signal has no answer. */
  ask(question: Pick<cim.Frame.$Properties, 'counters' | 'delivered' | 'find' | 'signal'>): void {
    if (this.#state === 'ready') this.#write(question);
  }

  /** Writes what is queued and closes; `onEnd` follows, perhaps at once. */
  close(reason: CloseReason): void {
    this.#end(reason, CLOSE_REASONS[reason].text);
  }

  /** The wheel's. */
  onTimeout(): void {
    const { times, now } = { times: this.#times, now: this.#parts.now() };
    if (this.#state === 'ended') return;
    if (this.#state === 'connecting') {
      this.#end('error', `cannot reach ${this.server}: no answer in ${times.connectMs / 1000} s`);
      return;
    }
    if (this.#state !== 'ready') {
      const left = this.#startedAt + times.handshakeMs - now;
      if (left <= 0) this.#end('idle', `${this.server} did not answer the login`);
      else this.#parts.wheel.schedule(this, left);
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
    this.#parts.wheel.schedule(this, Math.max(1, Math.min(idleLeft, pingLeft, times.answerMs)));
  }

  /**
   * An ack does it too, and is not answered: who has just heard the server need not ask it. What was heard must stay news
   * until the next look, which may come a little late: two silences of `pingAfterMs` are as long as the server may be still.
   */
  #showLife(now: number): void {
    this.#parts.ackNow();
    if (this.#writtenAt < now || now - this.#heardAt >= this.#pingAfterMs / 2) this.#write({ ping: {} });
  }

  #onConnected(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'login';
    this.#channel = new Channel(this.#socket, {
      limit: FRAME_LIMITS.toClient,
      flusher: this.#parts.flusher,
      events: {
        onFrame: (body) => this.#onFrame(body),
        onClose: (reason, detail) => this.#onChannelClose(reason, detail),
        onDrain: () => {
          if (this.#state === 'ready') this.#parts.onDrain();
        },
      },
    });
    this.#write({ login: this.#login });
    this.#parts.wheel.schedule(this, this.#times.handshakeMs);
  }

  #onFrame(body: Uint8Array): void {
    if (this.#state === 'ended') return;
    this.#heardAt = this.#parts.now();
    let frame: cim.Frame;
    try {
      frame = decodeFrame(body);
    } catch {
      this.#end('bad-frame', `${this.server} sent bytes that are no frame of this protocol`);
      return;
    }
    switch (frame.body) {
      case 'welcome':
        this.#onWelcome(frame.welcome as cim.Welcome);
        return;
      case 'resumed':
        if (this.#state === 'ready') this.#parts.onResumed(frame.resumed as cim.Resumed);
        if (this.#state !== 'resuming') return;
        this.#state = 'ready';
        this.#parts.wheel.schedule(this, Math.min(this.#pingAfterMs, this.#times.idleMs));
        this.#parts.onReady(frame.resumed as cim.Resumed);
        return;
      case 'deliver':
        if (this.#state === 'ready' && !this.#parts.onDeliver(frame.deliver as cim.Deliver))
          this.#end('error', 'entries of a stream are missing');
        return;
      case 'receipt':
        this.#parts.onReceipt(frame.receipt as cim.Receipt);
        return;
      case 'delivered':
        this.#parts.onDelivered(frame.delivered as cim.Delivered);
        return;
      case 'counters':
        if (this.#state === 'ready') this.#parts.onCounters(frame.counters as cim.Counters);
        return;
      case 'found':
        if (this.#state === 'ready') this.#parts.onFound(frame.found as cim.Found);
        return;
      case 'signal':
        if (this.#state === 'ready') this.#parts.onSignal(frame.signal as cim.Signal);
        return;
      case 'ping':
        this.#write({ pong: {} });
        return;
      case 'goaway':
        this.#onGoaway(frame.goaway as cim.Goaway);
        return;
      case 'error':
        this.#parts.onRefusal(frame.error as cim.Error);
        return;
      default: // pong, or of a newer server: it lives, which is noted
    }
  }

  #onWelcome(welcome: cim.Welcome): void {
    if (this.#state !== 'login') return;
    this.#state = 'resuming';
    if (welcome.idleTimeoutMs > 0) this.#pingAfterMs = Math.min(this.#pingAfterMs, welcome.idleTimeoutMs / 2);
    this.#write({ resume: this.#parts.resume() });
  }

  #onGoaway(goaway: cim.Goaway): void {
    this.#goaway = goaway;
    const reason = closeReasonOf(goaway.reason);
    this.#end(reason, goaway.text.split(/[\r\n]/, 1)[0]?.slice(0, 300) || CLOSE_REASONS[reason].text);
  }

  #onChannelClose(reason: CloseReason, detail: string | undefined): void {
    this.#end(reason, detail ?? CLOSE_REASONS[reason].text);
  }

  #write(frame: cim.Frame.$Properties): boolean {
    this.#writtenAt = this.#parts.now();
    return this.#channel?.send(encodeFrame(cim.Frame, frame)) ?? false;
  }

  #end(reason: CloseReason, text: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#parts.wheel.cancel(this);
    if (this.#channel === undefined) this.#socket.destroy();
    else if (this.#channel.closed === undefined) this.#channel.close(reason);
    this.#parts.onEnd({
      reason,
      text,
      reconnect: this.#goaway?.reconnect ?? CLOSE_REASONS[reason].reconnect,
      afterMs: this.#goaway?.afterMs ?? 0,
    });
  }
}
