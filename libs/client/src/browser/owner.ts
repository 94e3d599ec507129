import { decodeContent } from '@cim/protocol';
import { ClientCore } from '../client.ts';
import type { ClientCoreOptions } from '../client-options.ts';
import { type ClientEvents, EVENT_NAMES, STREAM_EVENT_NAMES } from '../events.ts';
import { recipientOf, wireRecipientOf } from '../recipient.ts';
import type { Timers } from '../timers.ts';
import type { Bus, Status, TabMessage } from './bus.ts';
import type { Database, KeptSend } from './database.ts';
import { SharedStorage } from './shared-storage.ts';

export interface OwnerParts {
  readonly options: Omit<ClientCoreOptions, 'state'>;
  readonly database: Database;
  readonly bus: Bus;
  readonly timers: Timers;
}

/** Longest wait for a database that cannot be written [ms]. */
const LAST_WRITES_MS = 500;

/**
 * The part of the tab that owns the connection: it receives into the database, sends the sends of all tabs,
 * and tells all tabs.
 */
export class Owner {
  readonly #parts: OwnerParts;
  readonly #id = Math.random().toString(36).slice(2);
  readonly #core: Core;
  readonly #storage: SharedStorage;
  #started = false;
  #stopped = false;
  #taking = false;
  #wanted = false;

  constructor(parts: OwnerParts) {
    const { database, bus, timers } = parts;
    this.#parts = parts;
    this.#storage = new SharedStorage({
      database,
      timers,
      received: () => bus.post({ kind: 'received' }),
      ended: (sends) => bus.post({ kind: 'ended', outcomes: sends.flatMap(({ outcome }) => outcome ?? []) }),
      failed: (error) => this.#tell('error', { error, where: 'state' }),
    });
    this.#core = new Core({ ...parts.options, state: this.#storage, startsOffline: true });
    for (const event of EVENT_NAMES)
      if (!STREAM_EVENT_NAMES.has(event)) this.#core.on(event, (value) => this.#tell(event, value));
  }

  /** @throws {CimError} as `connect` does */
  async start(): Promise<void> {
    await this.#core.connect();
    this.#started = true;
    this.#tellStatus();
    // The previous owner may have died before it told this.
    this.#parts.bus.post({ kind: 'received' });
    this.#take();
  }

  /** Ends the connection. Resolves when everything is stored, so that the next owner may begin. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#core.close();
    await Promise.race([
      this.#storage.idle(),
      new Promise<void>((resolve) => void this.#parts.timers.after(LAST_WRITES_MS, resolve)),
    ]);
  }

  hear(message: TabMessage): void {
    if (!this.#started || this.#stopped) return;
    if (message.kind === 'hello') this.#tellStatus();
    else if (message.kind === 'sends') this.#take();
    else if (message.kind === 'typing') this.#core.conversation(message.to).typing();
    else if (message.kind === 'logout') void this.#core.logout();
  }

  #tell(event: keyof ClientEvents, value: ClientEvents[keyof ClientEvents]): void {
    if (this.#stopped) return;
    const { bus } = this.#parts;
    try {
      bus.post({ kind: 'event', event, value });
    } catch {
      // A listener may have thrown any value.
      bus.post({
        kind: 'event',
        event: 'error',
        value: { error: new Error('an error that cannot be told to other tabs'), where: event },
      });
    }
    if (this.#started) this.#tellStatus();
  }

  #tellStatus(): void {
    const { user, online, server, sessionSecret: secret } = this.#core;
    const status: Status = { owner: this.#id, user, online, server, secret };
    this.#parts.bus.post({ kind: 'status', status });
  }

  /** Takes over the sends that tabs have made. */
  #take(): void {
    this.#wanted = true;
    if (this.#taking) return;
    this.#taking = true;
    void this.#takeAll().finally(() => (this.#taking = false));
  }

  async #takeAll(): Promise<void> {
    while (this.#wanted && !this.#stopped) {
      this.#wanted = false;
      const sends = await this.#parts.database.sends(this.#storage.takenUpTo).catch(() => []);
      for (const send of sends) this.#send(send);
    }
  }

  #send(send: KeptSend): void {
    const { ref, to, group, content } = send;
    this.#storage.takenUpTo = ref;
    const { texts = [], type = '', ref: about = '' } = decodeContent(content) ?? {};
    if (this.#stopped) return;
    const answered = this.#core.sendSaved(ref, recipientOf(wireRecipientOf(to, group)), {
      texts,
      type,
      about,
      content,
    });
    void answered?.then((outcome) => {
      // The send was refused before it had a number, so nothing else stores the outcome.
      if (outcome.outcome === 'refused' && !this.#stopped)
        this.#storage.end({
          ...send,
          content: new Uint8Array(),
          outcome,
          endedAt: this.#parts.timers.time(),
        });
    });
  }
}

/** The client in the tab that owns the connection. */
class Core extends ClientCore {
  get sessionSecret(): string {
    return this.secret;
  }
}
