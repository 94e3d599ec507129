import { CimError, CLOSE_REASONS, CODES, foldName, wire } from '@cim/protocol';
import type { CloseReason, NamedUser } from '@cim/protocol';
import { Backoff } from '@cim/runtime/backoff';
import { ClientBase } from './client-base.ts';
import type { ClientCoreOptions } from './client-options.ts';
import { codeNameOf, Comeback } from './comeback.ts';
import { EarlySends } from './early-sends.ts';
import type { Outgoing, Recipient, SendOutcome } from './events.ts';
import { Installation } from './installation.ts';
import { Link, LINK_TIMES, type LinkEnd } from './link.ts';
import type { Encoded } from './outgoing.ts';
import { wireRecipient } from './recipient.ts';
import type { Place } from './route-api.ts';
import { refused } from './sending.ts';
import { SignIn } from './sign-in.ts';
import { memoryState, type SavedState, type Storage } from './state.ts';
import type { Cancel } from './timers.ts';

type Attempt =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: CimError; readonly end?: LinkEnd };

const OUTBOX_CAPACITY = 10_000;
const AGENT = 'cim-client';
/**
 * Time for running listeners to end, and their messages to be stored as processed, when the client closes
 * [ms]. It is shorter than the next client's wait for the state.
 */
const LAST_LISTENERS_MS = 1_000;
/**
 * Tries of a first connect whose login the im-server refuses. They are few, since a person waits for the
 * answer.
 */
const LOGIN_ATTEMPTS = 3;

/**
 * A user of a CIM cluster. After `connect` it stays connected until `close`, `logout` or the `closed` event:
 * it reconnects by itself, shows each message once and in order, and repeats unanswered sends.
 *
 * ```ts
 * const client = new CimClient({ routeUrl: 'http://127.0.0.1:8083', userName: 'alice' });
 * client.on('message', ({ from, texts }) => console.log(from.userName, texts));
 * await client.connect();
 * const answer = await client.send({ group: 'lobby' }, ['hello']);
 * ```
 */
export class ClientCore extends ClientBase {
  readonly #options: ClientCoreOptions;
  readonly #signIn: SignIn;
  readonly #state: Storage;
  readonly #backoff: Backoff;
  readonly #comeback: Comeback;
  #phase: 'new' | 'connecting' | 'online' | 'away' | 'closed' = 'new';
  /** Since it is known as which user. */
  /** Known before the installation is made: that tells of sends of the process before. */
  #me: NamedUser | undefined;
  #installation: Installation | undefined;
  readonly #early = new EarlySends();
  /** The connection that is ready, and the one that is being made. */
  #link: Link | undefined;
  #opening: Link | undefined;
  #server = '';
  #retry: Cancel | undefined;
  #wasOnline = false;

  /** The saved state, once it was loaded. */
  #loaded: { readonly saved: SavedState | undefined } | undefined;

  /** @throws {CimError} when `routeUrl` is not a URL */
  constructor(options: ClientCoreOptions) {
    super(options);
    this.#options = options;
    this.#state = options.state ?? memoryState();
    const { userName, password, token, agent = AGENT, label = agent } = options;
    const { route, logger, timers } = this.parts;
    this.#signIn = new SignIn(route, { userName, password, token, label }, logger);
    this.#backoff = new Backoff(200, 10_000, () => this.parts.random());
    this.#comeback = new Comeback(() => timers.now());
  }

  /** This user, once connected. */
  override get user(): NamedUser | undefined {
    return this.#me;
  }

  /** `host:port` of the im-server, '' before the first connection. */
  override get server(): string {
    return this.#server;
  }

  override get online(): boolean {
    return this.#phase === 'online';
  }

  /** Sends that are not answered. */
  get unanswered(): number {
    return this.#installation?.sending.unanswered ?? 0;
  }

  /**
   * Registers, logs in and connects. Resolves when messages flow.
   * @throws {CimError} one line that says why not: no route there, logged in already (5000), wrong name or
   * password (9100), no server (7100). It may be called again. The reason of `signal` when that is aborted,
   * which closes the client.
   */
  async connect(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const abort = (): void => this.#close('closed', 'connect() was aborted');
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#connect();
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async #connect(): Promise<void> {
    if (this.#phase !== 'new')
      throw new CimError('invalid', `connect() was called before: the client is ${this.#phase}`);
    this.#phase = 'connecting';
    let answer = await this.#attempt();
    for (let again = 1; again < LOGIN_ATTEMPTS && !answer.ok && answer.end?.reconnect === true; again++)
      answer = await this.#attempt();
    if (answer.ok) return;
    if (this.#options.startsOffline === true && this.#installation !== undefined && answer.error.retryable) {
      this.#comeBack({
        reason: 'unavailable',
        text: answer.error.message,
        afterMs: answer.error.retryAfterMs,
      });
      return;
    }
    this.#early.end(undefined, `not sent: ${answer.error.message}`);
    if (!this.#isClosed()) this.#phase = 'new';
    throw answer.error;
  }

  /**
   * Sends to a user or a group: a text, several texts as one message, or a content of another type. Sends go
   * out in the order of calls. A send is repeated, also over reconnects, until the server has answered; its
   * promise never rejects. While not connected, sends wait; so do sends that find no room in the outbox.
   */
  override send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    const sending = this.#installation?.sending;
    if (this.#isClosed()) return refused(sending?.nextRef() ?? 0, CODES.failure.code, 'the client is closed');
    if (sending !== undefined) return sending.send(to, what);
    if (this.#phase !== 'connecting') return refused(0, CODES.failure.code, 'connect() comes first');
    return this.#early.add(to, what);
  }

  /**
   * @internal Sends a send of the state that this process has not numbered, under the ref of the state.
   * Undefined before the user is known.
   */
  sendSaved(ref: number, to: Recipient, encoded: Encoded): Promise<SendOutcome> | undefined {
    return this.#installation?.sending.sendEncoded(ref, to, encoded);
  }

  override async changePassword(password: string | undefined, newPassword: string): Promise<void> {
    await super.changePassword(password, newPassword);
    this.#signIn.password = newPassword;
  }

  override async logout(): Promise<void> {
    if (this.#isClosed()) return;
    this.#installation?.inbound.flush();
    const link = this.#link;
    // Nothing fences this call: while this client is away, another login may have come, and the call would
    // end that session.
    if (link !== undefined && this.user !== undefined) await this.#signIn.logOut(this.user);
    this.#close('logged-out', CLOSE_REASONS['logged-out'].text);
    await link?.whenClosed;
  }

  /**
   * Closes the connection and the client. Unanswered sends end as `unknown`; a state with a journal stores
   * them. Idempotent.
   */
  override async close(): Promise<void> {
    this.#installation?.inbound.flush();
    const link = this.#link;
    this.#close('closed', 'closed by this program');
    await link?.whenClosed;
  }

  /** @internal */
  protected override get secret(): string {
    return this.#signIn.secret;
  }

  /** @internal */
  protected override typing(to: Recipient): void {
    const { to: user, group } = wireRecipient(to);
    this.#link?.ask('signal', { kind: wire.SIGNAL_KINDS.typing, to: user, group });
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
      this.parts.logger.error({ err: error }, 'client.unexpected');
      return { ok: false, error: new CimError('failure', String(error), { cause: error }) };
    }
  }

  async #identify(): Promise<Installation> {
    if (this.#installation !== undefined) return this.#installation;
    const known = this.#options.startsOffline === true ? this.#knownUser(await this.#load()) : undefined;
    const me = known ?? (await this.#signIn.register());
    this.#assertOpen();
    const loaded = await this.#load();
    const saved = loaded?.userId === me.userId ? loaded : undefined;
    const left = this.#isClosed() ? [] : ((await this.#state.sends?.open(me.userId)) ?? []);
    if (this.#isClosed()) {
      // The state may have been opened after it was closed.
      this.#state.close();
      this.#assertOpen();
    }
    this.#signIn.secret = saved?.session ?? '';
    const { events, offers, logger, timers } = this.parts;
    const parts = {
      ...{ me, events, offers, logger, ...timers },
      state: this.#state,
      capacity: this.#options.outboxCapacity ?? OUTBOX_CAPACITY,
      secret: () => this.#signIn.secret,
      link: () => this.#link,
      random: () => this.parts.random(),
    };
    this.#me = me;
    this.#installation = new Installation(parts, saved, left);
    this.#early.end(this.#installation.sending);
    return this.#installation;
  }

  /** The user in the saved state; undefined when there is none, or another one. */
  #knownUser(saved: SavedState | undefined): NamedUser | undefined {
    if (saved?.userName === undefined || saved.session === '') return undefined;
    const { userId, userName } = saved;
    return foldName(userName) === foldName(this.#options.userName) ? { userId, userName } : undefined;
  }

  /** Loads the state once. */
  async #load(): Promise<SavedState | undefined> {
    if (this.#loaded !== undefined) return this.#loaded.saved;
    let saved: SavedState | undefined;
    try {
      saved = await this.#state.load();
    } catch (error) {
      this.parts.events.emit('error', { error, where: 'state' });
    }
    this.#loaded = { saved };
    return saved;
  }

  #open(installation: Installation, place: Place): Promise<Attempt> {
    return new Promise((resolve) => {
      const link: Link = new Link(
        place,
        { userId: installation.me.userId, agent: this.#options.agent ?? AGENT },
        {
          ...this.parts.timers,
          transport: this.#options.transport,
          ...installation.linkParts(),
          onReady: (resumed) => {
            this.#onReady(link, place, resumed);
            resolve({ ok: true });
          },
          onRefusal: ({ code, text }) => this.parts.logger.warn({ code, text }, 'client.frame-refused'),
          onEnd: (end) => {
            if (this.#link === link) this.#onLinkEnd(end);
            else {
              this.#opening = undefined;
              resolve({
                ok: false,
                error: new CimError(codeNameOf(end.reason), end.text),
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
    this.parts.logger.info({ server: link.server, epoch: place.epoch, again }, 'client.connected');
    this.#installation?.inbound.onResumed(resumed);
    this.#installation?.sending.open(link);
    this.parts.events.emit('connected', { server: link.server, epoch: place.epoch, again });
  }

  #onLinkEnd(end: LinkEnd): void {
    this.#link = undefined;
    this.#installation?.inbound.detach();
    this.#installation?.sending.shut();
    if (this.#isClosed()) return;
    this.parts.logger.info(
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
    // A random time above the requested one, so that clients with the same request do not come at the same
    // moment.
    const retryInMs = Math.min(Math.max(end.afterMs, 0), 60_000) + this.#backoff.next();
    this.#retry = this.parts.timers.after(retryInMs, () => {
      void this.#tryAgain();
    });
    this.parts.events.emit('disconnected', { reason: end.reason, text: end.text, retryInMs });
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
    if (this.parts.offers.busy)
      void this.parts.offers.stop(LAST_LISTENERS_MS).then(() => this.#state.close());
    else this.#state.close();
    this.parts.events.emit('closed', { reason, text });
  }

  #assertOpen(): void {
    if (this.#isClosed()) throw new CimError('failure', 'the client is closed');
  }

  /** This is a function because the phase changes while other code awaits. */
  #isClosed(): boolean {
    return this.#phase === 'closed';
  }
}
