import { type wire, CimError, CLOSE_REASONS, CODES } from '@cim/protocol';
import type { CloseReason, NamedUser, UserId } from '@cim/protocol';
import { Backoff } from '@cim/runtime/backoff';
import type { ClientCoreOptions } from './client-options.ts';
import { DeviceCalls, UserCalls } from './account-calls.ts';
import { Comeback } from './comeback.ts';
import { EarlySends } from './early-sends.ts';
import { ConversationCalls, type ConversationPage, listConversations } from './conversation-calls.ts';
import { Emitter } from './emitter.ts';
import { EVENT_NAMES } from './events.ts';
import type { ClientEvents, HistoryPage, HistoryQuery, Outgoing, Recipient, SendOutcome } from './events.ts';
import { GroupCalls } from './group-calls.ts';
import { HttpCaller } from './http-caller.ts';
import { Installation } from './installation.ts';
import { Link, LINK_TIMES, type LinkEnd } from './link.ts';
import { type Logger, SILENT } from './logger.ts';
import { Offers } from './offers.ts';
import { type Place, RouteApi } from './route-api.ts';
import { refused } from './sending.ts';
import { SignIn } from './sign-in.ts';
import { memoryState, type SavedState, type Storage } from './state.ts';
import { type Cancel, hostTimers, type Timers } from './timers.ts';
import { V1Api } from './v1-api.ts';

type Attempt =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: CimError; readonly end?: LinkEnd };

const OUTBOX_CAPACITY = 10_000;
const AGENT = 'cim-client';
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
export class ClientCore {
  /** Groups: make, list, change, join, leave, and their members. */
  readonly groups: GroupCalls;
  /** This user's devices. */
  readonly devices: DeviceCalls;
  /** Other users, by name or id. */
  readonly users: UserCalls;
  readonly #options: ClientCoreOptions;
  readonly #v1: V1Api;
  readonly #route: RouteApi;
  readonly #signIn: SignIn;
  readonly #state: Storage;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #timers: Timers;
  readonly #backoff: Backoff;
  readonly #comeback: Comeback;
  readonly #events: Emitter<ClientEvents>;
  readonly #offers: Offers;
  #phase: 'new' | 'connecting' | 'online' | 'away' | 'closed' = 'new';
  /** Since it is known as which user. */
  /** Known before the installation is made: that tells of sends of the process before. */
  #me: NamedUser | undefined;
  #installation: Installation | undefined;
  readonly #early = new EarlySends();
  /** The one that is ready, and the one that is under way. */
  #link: Link | undefined;
  #opening: Link | undefined;
  #server = '';
  #retry: Cancel | undefined;
  #wasOnline = false;

  /** @throws {CimError} when `routeUrl` is none */
  constructor(options: ClientCoreOptions) {
    this.#options = options;
    const http = new HttpCaller(options.routeUrl);
    this.#route = new RouteApi(http);
    this.#v1 = new V1Api(http, () => this.#signIn.secret);
    this.groups = new GroupCalls(this.#v1, () => this.user);
    this.devices = new DeviceCalls(this.#v1);
    this.users = new UserCalls(this.#v1);
    this.#state = options.state ?? memoryState();
    this.#logger = options.logger ?? SILENT;
    const { userName, password, agent = AGENT, label = agent } = options;
    this.#signIn = new SignIn(this.#route, { userName, password, label }, this.#logger);
    this.#random = options.random ?? Math.random;
    this.#timers = options.timers ?? hostTimers;
    this.#backoff = new Backoff(200, 10_000, this.#random);
    this.#comeback = new Comeback(() => this.#timers.now());
    this.#events = new Emitter<ClientEvents>(EVENT_NAMES, (error, event) => this.#onThrow(error, event));
    this.#offers = new Offers({
      ...this.#timers,
      events: this.#events,
      random: this.#random,
      failed: (error, event) => this.#onThrow(error, event),
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
    return this.#installation?.sending.unanswered ?? 0;
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
    let answer = await this.#attempt();
    for (let again = 1; again < LOGIN_ATTEMPTS && !answer.ok && answer.end?.reconnect === true; again++)
      answer = await this.#attempt();
    if (answer.ok) return;
    this.#early.end(undefined, `not sent: ${answer.error.message}`);
    if (!this.#isClosed()) this.#phase = 'new';
    throw answer.error;
  }

  /**
   * Sends to a user or a group: a text, several as one message, or a content of another type. The send goes out in the order
   * of calls and is repeated until the server has answered, over reconnects; the promise never rejects. While not connected
   * sends wait; so do those that find no room in the outbox.
   */
  send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    const sending = this.#installation?.sending;
    if (this.#isClosed()) return refused(sending?.nextRef() ?? 0, CODES.failure.code, 'the client is closed');
    if (sending !== undefined) return sending.send(to, what);
    if (this.#phase !== 'connecting') return refused(0, CODES.failure.code, 'connect() comes first');
    return this.#early.add(to, what);
  }

  /**
   * A conversation, by its id (`u<userId>`, `g<groupId>`) or by whom it is with.
   * @throws {CimError} 3000: that names none
   */
  conversation(of: string | Recipient): ConversationCalls {
    return new ConversationCalls(of, {
      v1: this.#v1,
      send: (to, what) => this.send(to, what),
      signal: (signal) => this.#link?.ask('signal', signal),
    });
  }

  /** This user's conversations, newest first: last message, unread count, read mark. @throws {CimError} */
  conversations(
    query: { readonly limit?: number; readonly before?: string } = {},
  ): Promise<ConversationPage> {
    return listConversations(this.#v1, query);
  }

  /** Who is online now. @throws {CimError} */
  onlineUsers(): Promise<NamedUser[]> {
    return this.#route.online(this.#signIn.secret);
  }

  /**
   * What the store keeps of the own inbox or of a group, our own group messages too. It moves no cursor.
   * @throws {CimError}
   */
  async history(query: HistoryQuery = {}): Promise<HistoryPage> {
    const { user } = this;
    if (user === undefined) throw new CimError('failure', 'connect() comes first');
    return this.#route.history(user.userId, this.#signIn.secret, query);
  }

  /** Ends the session, so that the name is free at once, and closes. Never rejects. */
  async logout(): Promise<void> {
    if (this.#isClosed()) return;
    this.#installation?.inbound.flush();
    const link = this.#link;
    // Nothing fences this call: while away, another login may have come, and it would end that one's session.
    if (link !== undefined && this.user !== undefined) await this.#signIn.logOut(this.user);
    this.#close('logged-out', CLOSE_REASONS['logged-out'].text);
    await link?.whenClosed;
  }

  /** Ends the connection and the client. Unanswered sends end as `unknown`; a state with a journal keeps them. Idempotent. */
  async close(): Promise<void> {
    this.#installation?.inbound.flush();
    const link = this.#link;
    this.#close('closed', 'closed by this program');
    await link?.whenClosed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attempt(): Promise<Attempt> {
    try {
      const installation = await this.#identify();
      this.#assertOpen();
      const place = await this.#signIn.logIn(installation.me, installation.device);
      this.#assertOpen();
      return await this.#open(installation, place);
    } catch (error) {
      if (error instanceof CimError) return { ok: false, error };
      this.#logger.error({ err: error }, 'client.unexpected');
      return { ok: false, error: new CimError('failure', String(error), { cause: error }) };
    }
  }

  async #identify(): Promise<Installation> {
    if (this.#installation !== undefined) return this.#installation;
    const me = await this.#signIn.register();
    this.#assertOpen();
    const saved = await this.#load(me.userId);
    if (this.#isClosed()) {
      // It may have been opened after it was closed.
      this.#state.close();
      this.#assertOpen();
    }
    this.#signIn.secret = saved?.session ?? '';
    const parts = {
      me,
      state: this.#state,
      events: this.#events,
      offers: this.#offers,
      logger: this.#logger,
      capacity: this.#options.outboxCapacity ?? OUTBOX_CAPACITY,
      secret: () => this.#signIn.secret,
      link: () => this.#link,
      random: this.#random,
      ...this.#timers,
    };
    const left = (await this.#state.sends?.open(me.userId)) ?? [];
    this.#assertOpen();
    this.#me = me;
    this.#installation = new Installation(parts, saved, left);
    this.#early.end(this.#installation.sending);
    return this.#installation;
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

  #open(installation: Installation, place: Place): Promise<Attempt> {
    return new Promise((resolve) => {
      const link: Link = new Link(
        place,
        { userId: installation.me.userId, agent: this.#options.agent ?? AGENT },
        {
          ...this.#timers,
          transport: this.#options.transport,
          ...installation.linkParts(),
          onReady: (resumed) => {
            this.#onReady(link, place, resumed);
            resolve({ ok: true });
          },
          onRefusal: ({ code, text }) => this.#logger.warn({ code, text }, 'client.frame-refused'),
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

  #onReady(link: Link, place: Place, resumed: wire.Resumed): void {
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
    this.#installation?.inbound.onResumed(resumed);
    this.#installation?.sending.open(link);
    this.#events.emit('connected', { server: link.server, epoch: place.epoch, again });
  }

  #onLinkEnd(end: LinkEnd): void {
    this.#link = undefined;
    this.#installation?.inbound.detach();
    this.#installation?.sending.shut();
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
    this.#retry = this.#timers.after(retryInMs, () => {
      void this.#tryAgain();
    });
    this.#events.emit('disconnected', { reason: end.reason, text: end.text, retryInMs });
  }

  async #tryAgain(): Promise<void> {
    this.#installation?.sending.expire();
    const answer = await this.#attempt();
    if (answer.ok || this.#isClosed()) return;
    const verdict = this.#comeback.judge(answer.error, answer.end);
    if (verdict.back) this.#comeBack(verdict);
    else this.#close(verdict.reason, verdict.text);
  }

  #close(reason: CloseReason, text: string): void {
    if (this.#isClosed()) return;
    this.#retry?.();
    this.#phase = 'closed';
    this.#installation?.end(text);
    const link = this.#link;
    this.#link = undefined;
    link?.close('closed');
    this.#opening?.close('closed');
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

  #onThrow(error: unknown, event: keyof ClientEvents): void {
    this.#logger.warn({ err: error, event }, 'client.listener-threw');
    if (event !== 'error') this.#events.emit('error', { error, where: `listener of ${event}` });
  }
}
