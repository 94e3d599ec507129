import { CimError, type NamedUser } from '@cim/protocol';
import { BlockCalls, DeviceCalls, UserCalls } from './account-calls.ts';
import type { CimClientOptions, ClientCoreOptions } from './client-options.ts';
import { ConversationCalls, type ConversationPage, listConversations } from './conversation-calls.ts';
import { Emitter } from './emitter.ts';
import { EVENT_NAMES } from './events.ts';
import type {
  ClientEvents,
  HistoryPage,
  HistoryQuery,
  Message,
  Outgoing,
  Recipient,
  SendOutcome,
} from './events.ts';
import { GroupCalls } from './group-calls.ts';
import { HttpCaller } from './http-caller.ts';
import { type Logger, SILENT } from './logger.ts';
import { MessageLoop } from './message-loop.ts';
import { Offers } from './offers.ts';
import { RouteApi } from './route-api.ts';
import { ScheduledCalls } from './scheduled-calls.ts';
import { hostTimers, type Timers } from './timers.ts';
import { V1Api } from './v1-api.ts';

/** @internal The parts that all kinds of clients share. */
export interface ClientParts {
  readonly route: RouteApi;
  readonly events: Emitter<ClientEvents>;
  readonly offers: Offers;
  readonly logger: Logger;
  readonly timers: Timers;
  random(): number;
}

/** The parts of a client besides its connection: events, and calls of the route. */
export abstract class ClientBase {
  /** Creates, lists and changes groups and their members; joins and leaves groups. */
  readonly groups: GroupCalls;
  /** This user's devices. */
  readonly devices: DeviceCalls;
  /** Other users, by name or id. */
  readonly users: UserCalls;
  /** Users whom this user has blocked. */
  readonly blocks: BlockCalls;
  /** This user's messages that are to be sent later. */
  readonly scheduled: ScheduledCalls;
  /** @internal */
  protected readonly parts: ClientParts;
  readonly #v1: V1Api;
  #loop: MessageLoop | undefined;

  /** @throws {CimError} when `routeUrl` is not a URL */
  constructor(options: CimClientOptions & Pick<ClientCoreOptions, 'http'>) {
    const http = new HttpCaller(options.routeUrl, { exchange: options.http });
    const random = options.random ?? Math.random;
    const timers = options.timers ?? hostTimers;
    const events = new Emitter<ClientEvents>(EVENT_NAMES, (error, event) => this.#onThrow(error, event));
    this.#v1 = new V1Api(http, () => this.secret, timers);
    this.groups = new GroupCalls(this.#v1, () => this.user);
    this.devices = new DeviceCalls(this.#v1);
    this.users = new UserCalls(this.#v1);
    this.blocks = new BlockCalls(this.#v1);
    this.scheduled = new ScheduledCalls(this.#v1);
    this.parts = {
      route: new RouteApi(http),
      events,
      offers: new Offers({
        ...timers,
        events,
        random,
        failed: (error, event) => this.#onThrow(error, event),
      }),
      logger: options.logger ?? SILENT,
      timers,
      random,
    };
  }

  /** This user; undefined before it is known. */
  abstract get user(): NamedUser | undefined;
  /** Whether messages flow. */
  abstract get online(): boolean;
  /** `host:port` of the im-server, '' before the first connection. */
  abstract get server(): string;

  /**
   * Sends to a user or a group: a text, several texts as one message, or a content of another type. Sends go
   * out in the order of calls. A send is repeated, also over reconnects, until the server has answered; its
   * promise never rejects. While not connected, sends wait; so do sends that find no room in the outbox.
   */
  abstract send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome>;
  /** Ends the session, so that the name is free at once, and closes. Never rejects. */
  abstract logout(): Promise<void>;
  /** Closes, and keeps the session for the next start. Idempotent. */
  abstract close(): Promise<void>;

  /** @internal The secret of the session; '' when there is none. */
  protected abstract get secret(): string;
  /** @internal Tells the other side that this user is typing, if there is a connection. */
  protected abstract typing(to: Recipient): void;

  /**
   * Calls `listener` at each such event from now on. Promises of `message` listeners are awaited, see
   * `ClientEvents`.
   * @returns a function that stops it; `signal` stops it too
   * @throws {TypeError} an event of this name does not exist
   */
  on<K extends keyof ClientEvents>(
    event: K,
    listener: (value: ClientEvents[K]) => unknown,
    options: { readonly signal?: AbortSignal } = {},
  ): () => void {
    return stopOn(options.signal, this.parts.events.on(event, listener));
  }

  /**
   * Calls `listener` for one event. A listener of a message that fails is called again, and removed when it
   * has succeeded.
   * @throws {TypeError} an event of this name does not exist
   */
  once<K extends keyof ClientEvents>(
    event: K,
    listener: (value: ClientEvents[K]) => unknown,
    options: { readonly signal?: AbortSignal } = {},
  ): () => void {
    return stopOn(options.signal, this.parts.events.once(event, listener));
  }

  /** Removes a listener that `on` has added. */
  off<K extends keyof ClientEvents>(event: K, listener: (value: ClientEvents[K]) => unknown): void {
    this.parts.events.off(event, listener);
  }

  /**
   * The messages, for a `for await` loop; call it before `connect`. A message counts as processed when the
   * loop asks for the next one. The message at which a loop was left, by `break` or an error, is the first
   * one of the next loop, or of the next start. The loop ends after its present message when the client has
   * closed, or when `signal` is aborted.
   */
  messages(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Message> {
    let loop = this.#loop;
    if (loop === undefined) {
      const made = new MessageLoop();
      this.#loop = loop = made;
      this.parts.events.on('message', (message) => made.offer(message));
      this.parts.events.on('closed', () => made.end());
    }
    return loop.run(options.signal);
  }

  /**
   * A conversation, by its id (`u<userId>`, `g<groupId>`) or by its recipient.
   * @throws {CimError} 3000: that is not a conversation
   */
  conversation(of: string | Recipient): ConversationCalls {
    return new ConversationCalls(of, {
      v1: this.#v1,
      send: (to, what) => this.send(to, what),
      typing: (to) => this.typing(to),
    });
  }

  /** This user's conversations, newest first: last message, unread count, read mark. @throws {CimError} */
  conversations(
    query: { readonly limit?: number; readonly before?: string } = {},
  ): Promise<ConversationPage> {
    return listConversations(this.#v1, query);
  }

  /** The users who are online now. @throws {CimError} */
  onlineUsers(): Promise<NamedUser[]> {
    return this.parts.route.online(this.secret);
  }

  /**
   * The entries that the store keeps of the user's inbox or of a group, with the user's own group messages.
   * It moves no cursor.
   * @throws {CimError}
   */
  async history(query: HistoryQuery = {}): Promise<HistoryPage> {
    const { user } = this;
    if (user === undefined) throw new CimError('failure', 'connect() comes first');
    return this.parts.route.history(user.userId, this.secret, query);
  }

  /**
   * Changes the password of the account, or sets its first one. This session goes on, and all other sessions
   * of this user end.
   * @param password the present one; undefined where the account has none
   * @throws {CimError} 9100: that is not its password; 3000: the new one is too short
   */
  async changePassword(password: string | undefined, newPassword: string): Promise<void> {
    const { user } = this;
    if (user === undefined) throw new CimError('failure', 'connect() comes first');
    await this.parts.route.changePassword(user.userId, this.secret, password, newPassword);
  }

  /** Lets `await using` close the client. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onThrow(error: unknown, event: keyof ClientEvents): void {
    this.parts.logger.warn({ err: error, event }, 'client.listener-threw');
    if (event !== 'error') this.parts.events.emit('error', { error, where: `listener of ${event}` });
  }
}

function stopOn(signal: AbortSignal | undefined, stop: () => void): () => void {
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  return stop;
}
