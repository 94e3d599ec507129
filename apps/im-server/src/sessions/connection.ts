/** A client's connection from its first byte to its session. The first frame decides which wire it speaks. */
import {
  type ByteStream,
  Channel,
  Heartbeat,
  strangerMs,
  type TimingWheel,
  type TurnFlusher,
  type Visit,
  type WheelEntry,
} from '@cim/channel';
import { BELIEVED_MS } from '@cim/delivery';
import {
  ANY_INSTANCE,
  CLOSE_REASONS,
  type CloseReason,
  cim,
  decodeFrame,
  type Epoch,
  encodeFrame,
  foldName,
  FRAME_LIMITS,
  type InstanceId,
  isUserId,
  type UserId,
} from '@cim/protocol';
import { randomText, type Supplies } from '@cim/runtime';
import { type ClaimAnswer, openTicket, type Ticket, type UserDevice, userSubject } from '@cim/store';
import { CimSession } from './cim-session.ts';
import { OwnSession } from './own-session.ts';
import type { SessionParts } from './session-parts.ts';
import type { Session } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';

/** Longest time from a connection's first bytes to its login [ms]. */
export const LOGIN_TIMEOUT_MS = 5_000;
/** A client that is too slow for a server that runs low may come again after this time [ms]. */
const SLOW_AFTER_MS = 5_000;
/** Frames that a client may send before its login is answered. A client need not wait for the answer. */
const EARLY_FRAMES = 16;
/** Tries to repeat a claim whose answer was lost. All tries together last longer than a login stays issued. */
const CLAIM_TRIES = 25;
const CLAIM_AGAIN_MS = 1_000;
/** Added to the time for which servers remember where a user is [ms], since a question may be under way. */
const KNOWN_MARGIN_MS = 1_000;

export interface ConnectionParts extends SessionParts {
  readonly registry: SessionRegistry;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly supplies: Pick<Supplies, 'supply'>;
  /** The keys for tickets that routes sign. There are several while the cluster secret is being replaced. */
  readonly ticketKeys: () => readonly string[];
  /** Length of the life of a session with a secret [ms]. */
  readonly sessionMs: number;
  /** Ends of sessions that the store has not answered yet. Each is removed with its answer. */
  readonly releases: Set<Promise<void>>;
  readonly onOpened: (connection: Connection) => void;
  readonly onClosed: (connection: Connection, reason: CloseReason) => void;
}

export class Connection {
  readonly #parts: ConnectionParts;
  readonly #channel: Channel;
  readonly #heartbeat: Heartbeat;
  readonly #visit: Visit;
  #session: OwnSession | CimSession | undefined;
  #state: 'silent' | 'claiming' | 'live' = 'silent';
  #ownWire = false;
  /** Level of the client, named by a login on our own wire. */
  #level = 0;
  #early: cim.Frame[] = [];
  /** Entry in the wheel for a user with other devices: it fires when every server has heard of this device. */
  #known: WheelEntry | undefined;
  /** Entry in the wheel that fires when no login came in time. */
  readonly #loginTimeout = { onTimeout: () => this.#isLate() };

  constructor(stream: ByteStream, visit: Visit, parts: ConnectionParts) {
    this.#parts = parts;
    this.#visit = visit;
    this.#channel = new Channel(stream, {
      limit: FRAME_LIMITS.fromClientBeforeLogin,
      flusher: parts.flusher,
      events: this,
    });
    this.#heartbeat = new Heartbeat(this.#channel, parts.wheel, { idleTimeoutMs: parts.idleTimeoutMs });
    parts.wheel.schedule(this.#loginTimeout, strangerMs(LOGIN_TIMEOUT_MS, parts.supplies));
    parts.onOpened(this);
  }

  /** `login` until the login was answered, then the wire of the session. */
  get stage(): 'login' | Session['wire'] {
    return this.#session?.wire ?? 'login';
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Bytes that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#channel.queuedBytes;
  }

  onFrame(body: Uint8Array): void {
    let frame: cim.Frame;
    try {
      frame = decodeFrame(body);
    } catch {
      this.close('bad-frame');
      return;
    }
    if (this.#session !== undefined) this.#session.onFrame(frame);
    else if (this.#state === 'silent') this.#login(frame);
    else if (this.#early.length < EARLY_FRAMES) this.#early.push(frame);
    else this.close('protocol-error');
  }

  onUnexpected(error: unknown): void {
    this.#parts.logger.error({ err: error, userId: this.#session?.userId }, 'channel.unexpected');
  }

  onDrain(): void {
    this.#session?.onDrain();
  }

  onClose(reason: CloseReason, detail?: string): void {
    const { registry, instance, logger, wheel, onClosed } = this.#parts;
    wheel.cancel(this.#loginTimeout);
    if (this.#known !== undefined) wheel.cancel(this.#known);
    this.#heartbeat.stop();
    this.#visit.end();
    const session = this.#session;
    if (session !== undefined) {
      registry.remove(session);
      session.onClosed();
      this.#release(session, session.epoch, instance.id);
    }
    const who =
      session === undefined ? {} : { userId: session.userId, device: session.device, epoch: session.epoch };
    const line = { ...who, remote: this.#channel.remote, reason, detail };
    if (session === undefined) logger.debug(line, 'channel.closed');
    else logger.info(line, 'session.closed');
    onClosed(this, reason);
  }

  /** Address of the client, as trusted proxies tell it; '' when the connection has ended. */
  get remoteAddress(): string {
    return this.#channel.remoteAddress;
  }

  /** Closes the connection. @param afterMs the client should wait this long before it comes again [ms] */
  close(reason: CloseReason, afterMs = 0): void {
    if (this.#session !== undefined) this.#session.close(reason, afterMs);
    else if (!this.#ownWire) this.#channel.close(reason);
    else {
      const { number, text, reconnect } = CLOSE_REASONS[reason];
      const goaway = { reason: number, text, reconnect, afterMs };
      this.#channel.close(reason, encodeFrame(cim.Frame, { goaway }));
    }
  }

  /** Only a server with enough left blames the client. */
  #isLate(): void {
    if (this.#parts.supplies.supply === 'scarce') this.close('limited', SLOW_AFTER_MS);
    else this.close('login-timeout');
  }

  #login(frame: cim.Frame): void {
    const { instance, ticketKeys } = this.#parts;
    if (frame.login) {
      this.#ownWire = true;
      this.#level = frame.login.level ?? 0;
      // Only the store decides whether the ticket is still valid: the clocks of two servers may differ.
      const shown = frame.login.ticket ?? '';
      const ticket = ticketKeys().reduce<Ticket | undefined>(
        (found, key) => found ?? openTicket(key, shown),
        undefined,
      );
      const isHere = ticket?.instance === instance.id || ticket?.instance === ANY_INSTANCE;
      if (ticket === undefined || ticket.userId !== frame.login.userId || !isHere)
        return this.close('unauthorized');
      this.#claim(ticket.userId, { epoch: ticket.epoch });
    } else if (frame.cmd === cim.BaseCommand.LOGIN_REQUEST && isUserId(frame.id)) {
      this.#cimLogin(frame.id, frame.text);
    } else this.close('unauthorized');
  }

  /**
   * Logs a CIM client in by id and name, ignoring case as the route does. A name is not a secret. So an
   * account with a password is refused, and the store gives a name no session that was issued with a secret.
   */
  #cimLogin(userId: UserId, userName: string): void {
    const { store, logger } = this.#parts;
    this.#state = 'claiming';
    store.accounts.byId(userId).then(
      (account) => {
        const named = account !== undefined && foldName(account.userName) === foldName(userName);
        if (named && account.passwordHash === undefined && account.subject === undefined)
          this.#claim(userId, { userName: account.userName });
        else this.close('unauthorized');
      },
      (error: unknown) => {
        logger.warn({ err: error, userId }, 'login.failed');
        this.close('unavailable');
      },
    );
  }

  #claim(userId: UserId, by: { epoch: Epoch } | { userName: string }): void {
    const { store, instance, registry, logger, wheel } = this.#parts;
    this.#state = 'claiming';
    // It has shown what it came with, and waits for the store only: its time is that of better times.
    wheel.schedule(this.#loginTimeout, LOGIN_TIMEOUT_MS);
    registry.claimBegins(userId);
    const claim = randomText(12);
    const at = instance.id;
    const ask = (tries: number): void => {
      store.sessions
        .claim({ userId, instance: at, claim, ...by })
        .then((answer) => {
          this.#claimed(userId, at, answer);
          registry.claimEnds(userId);
        })
        .catch((error: unknown) => {
          logger.warn({ err: error, userId }, 'login.failed');
          this.close('unavailable');
          // The store may have carried out the claim. A repeated claim gets the same answer, and is released
          // then.
          if (tries === 1) registry.claimEnds(userId);
          else setTimeout(() => ask(tries - 1), CLAIM_AGAIN_MS).unref();
        });
    };
    ask(CLAIM_TRIES);
  }

  #claimed(userId: UserId, at: InstanceId, answer: ClaimAnswer): void {
    const { instance, registry, calls, wheel, logger } = this.#parts;
    if (answer.outcome === 'refused') return this.close('unauthorized');
    const { epoch, userName, device, label, createdAt, previous, others } = answer;
    const user = { userId, userName, device };
    // Nobody would find a session of an earlier life of this server. The client logs in again.
    if (at !== instance.id) this.close('unavailable');
    const suspendedMs = this.#parts.suspensions.ask(userSubject(userId));
    if (suspendedMs > 0) this.close('suspended', suspendedMs);
    if (this.#channel.closed !== undefined) {
      this.#release(user, epoch, at);
      return;
    }
    wheel.cancel(this.#loginTimeout);
    this.#channel.setLimit(FRAME_LIMITS.fromClient);
    const Wire = this.#ownWire ? OwnSession : CimSession;
    const endsAt = createdAt === 0 ? Infinity : createdAt + this.#parts.sessionMs;
    const session = new Wire(user, epoch, this.#channel, this.#parts, this.#level, endsAt);
    if (!registry.add(session)) {
      // Claims are answered in order. So the store has lost the later login here, which closes soon.
      this.close('unavailable');
      this.#release(user, epoch, at);
      return;
    }
    this.#session = session;
    this.#state = 'live';
    this.#visit.loggedIn();
    if (others.length > 0) {
      calls.signal([userId], { kind: 'device', device, label });
      // Until then the server of a sender may know the other devices only, and pushes new entries to these
      // alone.
      this.#known = { onTimeout: () => session.deliver(undefined, undefined) };
      wheel.schedule(this.#known, BELIEVED_MS + KNOWN_MARGIN_MS);
    }
    for (const before of previous) calls.kick(userId, before, 'superseded');
    logger.info(
      { userId, device, epoch, remote: this.#channel.remote, wire: this.#ownWire ? 'own' : 'cim' },
      'session.live',
    );
    session.begin();
    // This matters where the routes and this server differ in the setting. Otherwise the pass over the
    // sessions closes it later.
    if (endsAt <= Date.now()) session.close('expired');
    for (const frame of this.#early) if (!this.#isClosing()) session.onFrame(frame);
    this.#early = [];
  }

  #release(of: UserDevice, epoch: Epoch, at: InstanceId): void {
    const { userId, device } = of;
    const { store, releases, logger } = this.#parts;
    const release = store.sessions
      .release(of, epoch, at)
      .catch((error: unknown) => logger.warn({ err: error, userId, device, epoch }, 'session.not-released'))
      .finally(() => releases.delete(release));
    releases.add(release);
  }

  /** This is a function because a frame may close the channel. */
  #isClosing(): boolean {
    return this.#channel.closed !== undefined;
  }
}
