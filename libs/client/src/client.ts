import { TimingWheel, TurnFlusher } from '@cim/channel';
import { type cim, CimError, CLOSE_REASONS, CODES } from '@cim/protocol';
import type { CloseReason, NamedUser, UserId } from '@cim/protocol';
import { Backoff, type Logger, silentLogger } from '@cim/runtime';
import type { CimClientOptions } from './client-options.ts';
import { Comeback } from './comeback.ts';
import { Emitter } from './emitter.ts';
import { EVENT_NAMES } from './events.ts';
import type { ClientEvents, HistoryPage, HistoryQuery, Recipient, SendOutcome } from './events.ts';
import { Inbound } from './inbound.ts';
import { Link, LINK_TIMES, type LinkEnd } from './link.ts';
import { Offers } from './offers.ts';
import { type Place, RouteApi } from './route-api.ts';
import { ProducerIds } from './producer-ids.ts';
import { refused, Sending } from './sending.ts';
import type { SavedSend } from './send-journal.ts';
import { SignIn } from './sign-in.ts';
import { type ClientState, memoryState, type ProcessedRecord, type SavedState } from './state.ts';

type Attempt =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: CimError; readonly end?: LinkEnd };

const OUTBOX_CAPACITY = 10_000;
/** What is stored is saved so long after, ms: with what comes meanwhile. */
const SAVE_DELAY_MS = 1_000;
/** Producer ids of before there were device ids, of those that are saved. */
const OTHER_PRODUCERS = 64;
/** Sends that wait for a `connect` that is under way. */
const EARLY_SENDS = 10_000;
/** A listener at work when the client closes has so long to end and have its message kept as processed, ms; less than the next client waits for the state. */
const LAST_LISTENERS_MS = 1_000;
/** Of a first connect whose login the im-server refuses: a person waits for the answer. */
const LOGIN_ATTEMPTS = 3;

/**
 * A user of a CIM cluster. After `connect` it stays connected until `close`, `logout` or the `closed` event: it
 * comes back by itself, shows each message once and in order, and repeats what was not answered.
 *
 * ```ts
 * const client = new CimClient({ routeUrl: 'http://127.0.0.1:8083', userName: 'alice' });
 * client.on('message', ({ from, texts }) => console.log(from.userName, texts));
 * await client.connect();
 * const answer = await client.send({ group: 'lobby' }, ['hello']);
 * ```
 */
export class CimClient {
  readonly #options: CimClientOptions;
  readonly #route: RouteApi;
  readonly #signIn: SignIn;
  readonly #state: ClientState;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #wheel: TimingWheel;
  readonly #flusher: TurnFlusher;
  readonly #backoff: Backoff;
  readonly #comeback: Comeback;
  readonly #events: Emitter<ClientEvents>;
  readonly #offers: Offers;
  #phase: 'new' | 'connecting' | 'online' | 'away' | 'closed' = 'new';
  #me: NamedUser | undefined;
  #inbound: Inbound | undefined;
  #sending: Sending | undefined;
  #producers: ProducerIds | undefined;
  /** Sends of a time when it is not known yet as whom; emptied when it is, or `connect` fails. */
  #early: ((sending: Sending | undefined, why: string) => void)[] = [];
  /** The one that is ready, and the one that is under way. */
  #link: Link | undefined;
  #opening: Link | undefined;
  #server = '';
  #retry: NodeJS.Timeout | undefined;
  #wasOnline = false;
  #saveFailed = false;
  #saving: NodeJS.Timeout | undefined;
  /** Messages were processed since the last save, by a state that cannot note them one by one. */
  #unsaved = false;

  /** @throws {CimError} when `routeUrl` is none */
  constructor(options: CimClientOptions) {
    this.#options = options;
    this.#route = new RouteApi(options.routeUrl);
    this.#state = options.state ?? memoryState();
    this.#logger = options.logger ?? silentLogger();
    this.#signIn = new SignIn(this.#route, options.userName, options.password, this.#logger);
    this.#random = options.random ?? Math.random;
    this.#now = options.now ?? (() => performance.now());
    this.#wheel = options.shared?.wheel ?? new TimingWheel();
    this.#flusher = options.shared?.flusher ?? new TurnFlusher();
    this.#backoff = new Backoff(200, 10_000, this.#random);
    this.#comeback = new Comeback(this.#now);
    this.#events = new Emitter<ClientEvents>(EVENT_NAMES, (error, event) => this.#onThrow(error, event));
    this.#offers = new Offers({
      events: this.#events,
      random: this.#random,
      failed: (error) => this.#onThrow(error, 'message'),
    });
  }

  /**
   * Calls `listener` at each such event from now on; promises of `message` listeners are awaited, see `ClientEvents`.
   * Answers how to stop.
   * @throws {TypeError} an event of this name does not exist
   */
  on<K extends keyof ClientEvents>(event: K, listener: (value: ClientEvents[K]) => unknown): () => void {
    return this.#events.on(event, listener);
  }

  /** Who we are, once connected. */
  get user(): NamedUser | undefined {
    return this.#me;
  }

  /** `host:port` of the im-server, '' before the first. */
  get server(): string {
    return this.#server;
  }

  get online(): boolean {
    return this.#phase === 'online';
  }

  /** Sends that are not answered. */
  get unanswered(): number {
    return this.#sending?.unanswered ?? 0;
  }

  /**
   * Registers, logs in, connects; resolves when messages flow.
   * @throws {CimError} one line that says why not: no route there, logged in already (5000), wrong name or password
   *   (9100), no server (7100). It may be called again.
   */
  async connect(): Promise<void> {
    if (this.#phase !== 'new')
      throw new CimError('invalid', `connect() was called before: the client is ${this.#phase}`);
    this.#phase = 'connecting';
    if (this.#options.shared === undefined) this.#wheel.start();
    let answer = await this.#attempt();
    for (let again = 1; again < LOGIN_ATTEMPTS && !answer.ok && answer.end?.reconnect === true; again++)
      answer = await this.#attempt();
    if (answer.ok) return;
    this.#endEarly(undefined, `not sent: ${answer.error.message}`);
    if (!this.#isClosed()) {
      if (this.#options.shared === undefined) this.#wheel.stop();
      this.#phase = 'new';
    }
    throw answer.error;
  }

  /**
   * Sends a text, or several as one message, to a user or to everybody. The send goes out in the order of calls and is
   * repeated until the server has answered, over reconnects; the promise never rejects. While not connected sends wait;
   * so do those that find no room in the outbox.
   */
  send(to: Recipient, texts: string | readonly string[]): Promise<SendOutcome> {
    const sending = this.#sending;
    if (this.#isClosed()) return refused(sending?.nextRef() ?? 0, CODES.failure.code, 'the client is closed');
    if (sending !== undefined) return sending.send(to, texts);
    if (this.#phase !== 'connecting') return refused(0, CODES.failure.code, 'connect() comes first');
    if (this.#early.length >= EARLY_SENDS)
      return refused(0, CODES.limited.code, `${EARLY_SENDS} messages wait for connect(); wait for it`);
    return new Promise((resolve) => {
      this.#early.push((made, why) => {
        if (made === undefined) resolve({ outcome: 'refused', ref: 0, code: CODES.failure.code, text: why });
        else void made.send(to, texts).then(resolve);
      });
    });
  }

  /** Who is online now. @throws {CimError} */
  onlineUsers(): Promise<NamedUser[]> {
    return this.#route.online();
  }

  /**
   * What the store keeps of the own inbox or of a group, our own group messages too. It moves no cursor.
   * @throws {CimError}
   */
  async history(query: HistoryQuery = {}): Promise<HistoryPage> {
    if (this.#me === undefined) throw new CimError('failure', 'connect() comes first');
    return this.#route.history(this.#me.userId, this.#signIn.secret, query);
  }

  /** Ends the session, so that the name is free at once, and closes. Never rejects. */
  async logout(): Promise<void> {
    if (this.#isClosed()) return;
    this.#inbound?.flush();
    const link = this.#link;
    // Nothing fences this call: while away, another login may have come, and it would end that one's session.
    if (link !== undefined && this.#me !== undefined) await this.#signIn.logOut(this.#me);
    this.#close('logged-out', CLOSE_REASONS['logged-out'].text);
    await link?.whenClosed;
  }

  /** Ends the connection and the client. Unanswered sends end as `unknown`; a state with a journal keeps them. Idempotent. */
  async close(): Promise<void> {
    this.#inbound?.flush();
    const link = this.#link;
    this.#close('closed', 'closed by this program');
    await link?.whenClosed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attempt(): Promise<Attempt> {
    try {
      const me = await this.#identify();
      this.#assertOpen();
      const place = await this.#signIn.logIn(me);
      this.#assertOpen();
      return await this.#open(me, place);
    } catch (error) {
      if (error instanceof CimError) return { ok: false, error };
      this.#logger.error({ err: error }, 'client.unexpected');
      return { ok: false, error: new CimError('failure', String(error), { cause: error }) };
    }
  }

  async #identify(): Promise<NamedUser> {
    if (this.#me !== undefined) return this.#me;
    const me = await this.#signIn.register();
    this.#assertOpen();
    const saved = await this.#load(me.userId);
    if (this.#isClosed()) {
      // It may have been opened after it was closed.
      this.#state.close();
      this.#assertOpen();
    }
    this.#signIn.secret = saved?.session ?? '';
    this.#me = me;
    this.#inbound = this.#createInbound(me.userId, saved ?? {});
    const left = this.#state.sends?.open(me.userId) ?? [];
    const others = left.flatMap(({ producer }) => (producer === '' ? [] : [producer]));
    this.#producers = new ProducerIds(saved?.device ?? '', [...(saved?.producers ?? []), ...others]);
    const sending = this.#createSending(me.userId, this.#producers, saved?.stored ?? {}, left);
    this.#sending = sending;
    this.#endEarly(sending, '');
    return me;
  }

  #endEarly(sending: Sending | undefined, why: string): void {
    for (const end of this.#early.splice(0)) end(sending, why);
  }

  async #load(userId: UserId): Promise<SavedState | undefined> {
    try {
      const saved = await this.#state.load();
      return saved?.userId === userId ? saved : undefined;
    } catch (error) {
      this.#events.emit('error', { error, where: 'state' });
      return undefined;
    }
  }

  #open(me: NamedUser, place: Place): Promise<Attempt> {
    return new Promise((resolve) => {
      const link: Link = new Link(
        place,
        { userId: me.userId, agent: this.#options.agent ?? 'cim-client' },
        {
          wheel: this.#wheel,
          flusher: this.#flusher,
          now: this.#now,
          resume: () => this.#inbound?.resume() ?? {},
          ackNow: () => this.#inbound?.flush(),
          waitingSince: () => this.#sending?.oldestWritten(),
          onReady: (resumed) => {
            this.#onReady(link, place, resumed);
            resolve({ ok: true });
          },
          onResumed: (resumed) => this.#inbound?.onResumed(resumed),
          onDeliver: (deliver) => this.#inbound?.onDeliver(deliver) ?? true,
          onReceipt: (receipt) => this.#sending?.onReceipt(receipt),
          onDelivered: (delivered) => this.#sending?.onDelivered(delivered),
          onCounters: (counters) => this.#sending?.onCounters(counters),
          onFound: (found) => this.#sending?.onFound(found),
          onRefusal: ({ code, text }) => this.#logger.warn({ code, text }, 'client.frame-refused'),
          onDrain: () => this.#sending?.onDrain(),
          onEnd: (end) => {
            if (this.#link === link) this.#onLinkEnd(end);
            else {
              this.#opening = undefined;
              resolve({
                ok: false,
                error: new CimError('failure', end.text),
                end: this.#comeback.beforeReady(end),
              });
            }
          },
        },
        { ...LINK_TIMES, ...this.#options.times },
      );
      this.#opening = link;
    });
  }

  #onReady(link: Link, place: Place, resumed: cim.Resumed): void {
    if (this.#isClosed()) {
      link.close('closed');
      return;
    }
    const again = this.#wasOnline;
    this.#link = link;
    this.#opening = undefined;
    this.#phase = 'online';
    this.#wasOnline = true;
    this.#server = link.server;
    this.#signIn.secret = place.session;
    this.#comeback.reset();
    this.#backoff.reset();
    this.#logger.info({ server: link.server, epoch: place.epoch, again }, 'client.connected');
    this.#inbound?.onResumed(resumed);
    this.#sending?.open(link);
    this.#events.emit('connected', { server: link.server, epoch: place.epoch, again });
  }

  #onLinkEnd(end: LinkEnd): void {
    this.#link = undefined;
    this.#inbound?.detach();
    this.#sending?.shut();
    if (this.#isClosed()) return;
    this.#logger.info(
      { reason: end.reason, detail: end.text, reconnect: end.reconnect },
      'client.disconnected',
    );
    if (end.reconnect) {
      this.#comeBack(end);
      return;
    }
    if (end.reason === 'logged-out' || end.reason === 'superseded') this.#signIn.secret = '';
    this.#close(end.reason, end.text);
  }

  #comeBack(end: Pick<LinkEnd, 'reason' | 'text' | 'afterMs'>): void {
    this.#phase = 'away';
    // At random above what was asked for: all who were told the same do not come at once.
    const retryInMs = Math.min(Math.max(end.afterMs, 0), 60_000) + this.#backoff.next();
    this.#retry = setTimeout(() => {
      void this.#tryAgain();
    }, retryInMs);
    this.#events.emit('disconnected', { reason: end.reason, text: end.text, retryInMs });
  }

  async #tryAgain(): Promise<void> {
    this.#sending?.expire();
    const answer = await this.#attempt();
    if (answer.ok || this.#isClosed()) return;
    const verdict = this.#comeback.judge(answer.error, answer.end);
    if (verdict.back) this.#comeBack(verdict);
    else this.#close(verdict.reason, verdict.text);
  }

  #close(reason: CloseReason, text: string): void {
    if (this.#isClosed()) return;
    clearTimeout(this.#retry);
    this.#phase = 'closed';
    this.#inbound?.end();
    this.#save();
    this.#sending?.end(`not answered: ${text}`);
    const link = this.#link;
    this.#link = undefined;
    link?.close('closed');
    this.#opening?.close('closed');
    if (this.#options.shared === undefined) this.#wheel.stop();
    if (this.#offers.busy) void this.#offers.stop(LAST_LISTENERS_MS).then(() => this.#state.close());
    else this.#state.close();
    this.#events.emit('closed', { reason, text });
  }

  #assertOpen(): void {
    if (this.#isClosed()) throw new CimError('failure', 'the client is closed');
  }

  /** A function, because the phase changes while other code awaits. */
  #isClosed(): boolean {
    return this.#phase === 'closed';
  }

  #createInbound(me: UserId, saved: Partial<SavedState>): Inbound {
    return new Inbound(me, saved, {
      show: (message) => this.#offers.offer(message),
      skipped: (event) => this.#events.emit('skipped', event),
      isOwn: (producer) => this.#producers?.isOwn(producer) === true,
      processed: (record) => this.#onProcessed(record),
      keep: () => {
        if (this.#unsaved) this.#save();
      },
      moved: () => this.#save(),
      ack: (ack) => this.#link?.ack(ack),
      unreadable: (stream, seq) => this.#logger.warn({ stream, seq }, 'client.unreadable-entry'),
    });
  }

  #createSending(
    me: UserId,
    producers: ProducerIds,
    stored: SavedState['stored'],
    left: readonly SavedSend[],
  ): Sending {
    const parts = {
      me,
      capacity: this.#options.outboxCapacity ?? OUTBOX_CAPACITY,
      logger: this.#logger,
      journal: this.#state.sends,
      newProducer: () => producers.fresh(),
      producerAfter: producers.after.bind(producers),
      random: this.#random,
      now: this.#now,
      time: this.#options.time ?? Date.now,
      storeTime: () => this.#inbound?.newestStoredAt ?? 0,
      emit: <K extends keyof ClientEvents>(event: K, value: ClientEvents[K]) =>
        this.#events.emit(event, value),
      changed: () => this.#saveSoon(),
    };
    return new Sending(parts, stored, left);
  }

  #onProcessed(record: ProcessedRecord): void {
    if (this.#state.processed !== undefined) this.#try(() => this.#state.processed?.(record));
    else if (!this.#unsaved) {
      this.#unsaved = true;
      queueMicrotask(() => {
        if (this.#unsaved) this.#save();
      });
    }
  }

  #saveSoon(): void {
    if (this.#isClosed()) return;
    this.#saving ??= setTimeout(() => this.#save(), SAVE_DELAY_MS);
  }

  #save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    this.#unsaved = false;
    const [userId, producers] = [this.#me?.userId, this.#producers];
    if (userId === undefined || producers === undefined) return;
    this.#try(() =>
      this.#state.save({
        userId,
        session: this.#signIn.secret,
        device: producers.device,
        producers: producers.others(OTHER_PRODUCERS),
        stored: this.#sending?.stored() ?? {},
        ...(this.#inbound?.saved() ?? { cursors: {}, seen: {} }),
      }),
    );
  }

  /** Writes to the state. Tells a failure once until it works again: it is tried several times a second. */
  #try(write: () => void): void {
    try {
      write();
      this.#saveFailed = false;
    } catch (error) {
      if (!this.#saveFailed) this.#events.emit('error', { error, where: 'state' });
      this.#saveFailed = true;
    }
  }

  #onThrow(error: unknown, event: keyof ClientEvents): void {
    this.#logger.warn({ err: error, event }, 'client.listener-threw');
    if (event !== 'error') this.#events.emit('error', { error, where: `listener of ${event}` });
  }
}
