import { CimError, CODES, type NamedUser } from '@cim/protocol';
import { ClientBase } from '../client-base.ts';
import type { CimClientOptions } from '../client-options.ts';
import type { ClientEvents, Outgoing, Recipient, SendOutcome } from '../events.ts';
import { encodeOutgoing } from '../outgoing.ts';
import { recipientProblem, wireRecipient } from '../recipient.ts';
import { refused } from '../sending.ts';
import type { Transport } from '../transport.ts';
import { Bus, type Status, type TabMessage } from './bus.ts';
import type { Database, ReceivedMessage, ReceivedQuery } from './database.ts';
import { openIndexedDatabase } from './indexed-database.ts';
import { openMemoryDatabase } from './memory-database.ts';
import { Owner } from './owner.ts';
import { webSocket } from './web-socket.ts';

/** Options of a client in a browser. Its state is in IndexedDB, one database per user. */
export interface BrowserClientOptions extends Omit<CimClientOptions, 'state'> {
  /** Absent: WebSockets. */
  readonly transport?: Transport;
}

/** Entries that a tab reads at once. */
const ROWS = 64;
/** Time for running listeners to end when the client closes [ms]. */
const LAST_LISTENERS_MS = 1_000;
/** Time in which every tab has received a message of another one [ms]. */
const HEARD_MS = 200;
/** Longest wait for another tab that owns the connection and does not answer [ms]. */
const LOGOUT_MS = 5_000;

/**
 * A user of a CIM cluster, for web pages. All tabs of a user share one connection, which one of the tabs
 * owns; when that tab goes, another takes over. Received messages are in IndexedDB before they are
 * acknowledged, and sends before they go out. So a reload, a crash, or hours without a network lose nothing.
 * Each tab shows each message once; a message that no tab has shown waits for the next tab.
 *
 * ```ts
 * const client = new CimClient({ routeUrl: location.origin, userName: 'alice' });
 * client.on('message', ({ from, texts }) => show(from.userName, texts));
 * await client.connect();
 * ```
 */
export class CimClient extends ClientBase {
  readonly #options: BrowserClientOptions;
  readonly #name: string;
  /** Key: ref of an unanswered send of this tab. Removed with its outcome. */
  readonly #pending = new Map<number, (outcome: SendOutcome) => void>();
  #phase: 'new' | 'connecting' | 'open' | 'closed' = 'new';
  #connecting: { readonly done: Promise<void>; resolve(): void; reject(error: unknown): void } | undefined;
  #database: Database | undefined;
  #bus: Bus | undefined;
  #owner: Owner | undefined;
  #status: Status | undefined;
  /** Ends the wait for the lock, or the ownership. */
  #leave: () => void = () => undefined;
  /** Position of the last entry that this tab has shown. */
  #position = 0;
  #showing = false;
  #more = false;

  /** @throws {CimError} when `routeUrl` is not a URL */
  constructor(options: BrowserClientOptions) {
    super(options);
    this.#options = options;
    this.#name = `cim ${new URL(options.routeUrl).origin} ${options.userName}`;
  }

  override get user(): NamedUser | undefined {
    return this.#status?.user;
  }

  override get online(): boolean {
    return this.#phase === 'open' && this.#status?.online === true;
  }

  override get server(): string {
    return this.#status?.server ?? '';
  }

  /** Number of unanswered sends of this tab. */
  get unanswered(): number {
    return this.#pending.size;
  }

  /**
   * False when this browser stores nothing: messages and sends then end with the page, and each tab is a
   * device of its own.
   */
  get durable(): boolean {
    return this.#database?.durable === true;
  }

  /** Whether this tab owns the connection. */
  get ownsConnection(): boolean {
    return this.#owner !== undefined;
  }

  /**
   * Opens the database, and the connection unless another tab has it. Resolves when messages flow, or when
   * this browser knows the user and there is no connection yet (see `online`). It may be called again after a
   * failure.
   * @throws {CimError} as the client of the core
   */
  async connect(): Promise<void> {
    if (this.#phase !== 'new')
      throw new CimError('invalid', `connect() was called before: the client is ${this.#phase}`);
    this.#phase = 'connecting';
    let settle: { resolve(): void; reject(error: unknown): void } = { resolve() {}, reject() {} };
    const done = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
    this.#connecting = { done, ...settle };
    done.catch(() => undefined);
    const database = await this.#open();
    if (this.#isClosed()) {
      database.close();
      throw new CimError('failure', 'the client is closed');
    }
    this.#database = database;
    this.#position = await database.shown();
    this.#bus = new Bus(this.#name, database.durable, (message) => this.#hear(message));
    void this.#elect(database.durable);
    this.#bus.post({ kind: 'hello' });
    return done;
  }

  override async send(to: Recipient, what: string | readonly string[] | Outgoing): Promise<SendOutcome> {
    const problem = recipientProblem(to);
    if (problem !== undefined) return refused(0, CODES.invalid.code, problem);
    const encoded = encodeOutgoing(what);
    if ('problem' in encoded) return refused(0, encoded.code, encoded.problem);
    if (this.#phase === 'new') return refused(0, CODES.failure.code, 'connect() comes first');
    try {
      await this.#connecting?.done;
      const { to: user, group } = wireRecipient(to);
      const database = this.#database;
      if (database === undefined || this.#isClosed()) throw new Error('the client is closed');
      const offeredAt = this.parts.timers.time();
      const content = encoded.content.slice();
      const send = { to: user, group, offeredAt, after: 0, content, producer: '' as const, counter: 0 };
      const ref = await database.addSend(send);
      return await new Promise((resolve) => {
        this.#pending.set(ref, resolve);
        this.#bus?.post({ kind: 'sends' });
      });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return refused(0, CODES.failure.code, `not sent: ${text}`);
    }
  }

  /** Messages of a conversation that this browser has received, oldest first. It makes no request. */
  async received(query: ReceivedQuery): Promise<readonly ReceivedMessage[]> {
    return (await this.#database?.messages(query)) ?? [];
  }

  /** Ends the session for all tabs of this browser. */
  override async logout(): Promise<void> {
    if (this.#phase !== 'open') return this.close();
    const ended = new Promise<void>((resolve) => void this.once('closed', () => resolve()));
    this.#bus?.post({ kind: 'logout' });
    await Promise.race([
      ended,
      new Promise<void>((resolve) => void this.parts.timers.after(LOGOUT_MS, resolve)),
    ]);
    await this.close();
  }

  /** Closes this tab. If it owns the connection, another tab takes over and sends its unanswered sends. */
  override async close(): Promise<void> {
    await this.#end({ reason: 'closed', text: 'closed by this program' });
  }

  /** @internal */
  protected override get secret(): string {
    return this.#status?.secret ?? '';
  }

  /** @internal */
  protected override typing(to: Recipient): void {
    this.#bus?.post({ kind: 'typing', to });
  }

  async #open(): Promise<Database> {
    // Web Locks exist only on HTTPS and on the machine itself. Node's types do not know that they may be
    // missing.
    const { locks } = navigator as { readonly locks?: LockManager };
    try {
      if (locks === undefined) throw new Error('a page that is not secure has no locks');
      return await openIndexedDatabase(this.#name);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const text = `this browser keeps nothing (${why}): what is not answered ends with this page`;
      this.parts.events.emit('error', { error: new Error(text, { cause: error }), where: 'state' });
      return openMemoryDatabase();
    }
  }

  /** Takes the ownership of the connection when no other tab has it, now or later. */
  async #elect(shared: boolean): Promise<void> {
    const left = new Promise<void>((resolve) => (this.#leave = resolve));
    if (!shared) return this.#own(left);
    const waiting = new AbortController();
    void left.then(() => waiting.abort());
    // The lock is held until the function's promise ends. The browser ends it with the page.
    await navigator.locks
      .request(this.#name, { signal: waiting.signal }, () => this.#own(left))
      .catch(() => undefined);
  }

  async #own(left: Promise<void>): Promise<void> {
    const [database, bus] = [this.#database, this.#bus];
    if (this.#isClosed() || database === undefined || bus === undefined) return;
    const { timers } = this.parts;
    const owner = new Owner({
      options: { transport: webSocket(timers), ...this.#options },
      ...{ database, bus, timers },
    });
    this.#owner = owner;
    // The previous owner is gone, and its connection with it.
    if (this.#status !== undefined) bus.post({ kind: 'status', status: { ...this.#status, online: false } });
    try {
      await owner.start();
      await left;
    } catch (error) {
      this.#fail(error);
    } finally {
      await owner.stop();
      this.#owner = undefined;
    }
  }

  /**
   * The first connect of this tab failed and may be tried again, or this tab became the owner and cannot log
   * in.
   */
  #fail(error: unknown): void {
    if (this.#phase === 'open')
      void this.#end({
        reason: 'unauthorized',
        text: error instanceof Error ? error.message : String(error),
      });
    if (this.#phase !== 'connecting') return;
    this.#phase = 'new';
    this.#shut();
    this.#connecting?.reject(error);
  }

  #hear(message: TabMessage): void {
    switch (message.kind) {
      case 'status':
        this.#onStatus(message.status);
        return;
      case 'event':
        if (message.event === 'closed') void this.#end(message.value as ClientEvents['closed']);
        // One of its events, whichever: the two belong together.
        else this.parts.events.emit(message.event as 'error', message.value as ClientEvents['error']);
        return;
      case 'received':
        void this.#show();
        return;
      case 'ended':
        this.#answer(message.outcomes);
        return;
      default:
        this.#owner?.hear(message);
    }
  }

  #onStatus(status: Status): void {
    const moved = this.#status?.owner !== status.owner;
    this.#status = status;
    if (this.#phase === 'connecting') {
      this.#phase = 'open';
      this.#connecting?.resolve();
      void this.#show();
    }
    // The previous owner may have died before it told the outcomes.
    if (moved && this.#pending.size > 0) void this.#lookForOutcomes();
  }

  async #lookForOutcomes(): Promise<void> {
    const sends = (await this.#database?.sends(0)) ?? [];
    this.#answer(sends.flatMap(({ outcome }) => outcome ?? []));
  }

  #answer(outcomes: readonly SendOutcome[]): void {
    const mine = outcomes.filter(({ ref }) => this.#pending.has(ref));
    if (mine.length === 0) return;
    for (const outcome of mine) {
      this.#pending.get(outcome.ref)?.(outcome);
      this.#pending.delete(outcome.ref);
    }
    // No other tab waits for these outcomes. The next owner removes those that cannot be removed now.
    this.#database?.removeSends(mine.map(({ ref }) => ref)).catch(() => undefined);
  }

  /** Shows the entries in the database that this tab has not shown, one after the other. */
  async #show(): Promise<void> {
    this.#more = true;
    if (this.#showing || this.#phase !== 'open') return;
    this.#showing = true;
    try {
      while (this.#more) {
        this.#more = false;
        while (await this.#showSome());
      }
    } catch (error) {
      if (!this.#isClosed()) this.parts.events.emit('error', { error, where: 'state' });
    } finally {
      this.#showing = false;
    }
  }

  /** Answers false when there is nothing more, or the client is closed. */
  async #showSome(): Promise<boolean> {
    const database = this.#database;
    const rows = this.#isClosed() ? [] : ((await database?.received(this.#position, ROWS)) ?? []);
    for (const { at, event } of rows) {
      if (this.#isClosed()) return false;
      if (event !== undefined) {
        const pending = this.parts.offers.offer(event);
        if (pending !== undefined && !(await pending)) return false;
        await database?.markShown(at);
      }
      this.#position = at;
    }
    return rows.length > 0;
  }

  async #end(closed: ClientEvents['closed']): Promise<void> {
    if (this.#isClosed()) return;
    const owner = this.#owner;
    const connecting = this.#phase === 'connecting';
    this.#phase = 'closed';
    if (connecting) this.#connecting?.reject(new CimError('failure', 'the client is closed'));
    for (const [ref, resolve] of this.#pending)
      resolve({ outcome: 'unknown', ref, text: `not answered: ${closed.text}` });
    this.#pending.clear();
    await Promise.all([this.parts.offers.stop(LAST_LISTENERS_MS), owner?.stop()]);
    // The session has ended for all tabs. None may take over the connection before it has heard this.
    if (closed.reason !== 'closed')
      await new Promise<void>((resolve) => void this.parts.timers.after(HEARD_MS, resolve));
    this.#shut();
    this.parts.events.emit('closed', closed);
  }

  /** Gives up the connection and leaves the other tabs. */
  #shut(): void {
    this.#leave();
    this.#bus?.close();
    this.#database?.close();
  }

  /** This is a function because the phase changes while other code awaits. */
  #isClosed(): boolean {
    return this.#phase === 'closed';
  }
}
