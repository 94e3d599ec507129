import type { NamedUser } from '@cim/protocol';
import type { ClientEvents, Recipient, SendOutcome } from '../events.ts';

/** The state of the client, as the tab that owns the connection tells it. */
export interface Status {
  /** Id of the ownership: it changes when another tab takes over. */
  readonly owner: string;
  readonly user: NamedUser | undefined;
  readonly online: boolean;
  readonly server: string;
  /** Secret of the session, since tabs ask the route themselves. */
  readonly secret: string;
}

/** Messages between the tabs of a user. */
export type TabMessage =
  /** A tab asks the owner for its status. */
  | { readonly kind: 'hello' }
  /** To the owner: the database has new sends. */
  | { readonly kind: 'sends' }
  | { readonly kind: 'typing'; readonly to: Recipient }
  | { readonly kind: 'logout' }
  /** From the owner. */
  | { readonly kind: 'status'; readonly status: Status }
  | {
      readonly kind: 'event';
      readonly event: keyof ClientEvents;
      readonly value: ClientEvents[keyof ClientEvents];
    }
  /** The database has new entries. */
  | { readonly kind: 'received' }
  /** The database has these sends as ended. */
  | { readonly kind: 'ended'; readonly outcomes: readonly SendOutcome[] };

/** Carries messages to every tab of the user, this one too, in a later turn and in order. */
export class Bus {
  readonly #channel: BroadcastChannel | undefined;
  readonly #hear: (message: TabMessage) => void;
  #closed = false;

  /** @param shared false: this tab is the only one */
  constructor(name: string, shared: boolean, hear: (message: TabMessage) => void) {
    this.#hear = hear;
    if (!shared) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#take(data);
  }

  post(message: TabMessage): void {
    if (this.#closed) return;
    this.#channel?.postMessage(message);
    queueMicrotask(() => this.#take(message));
  }

  close(): void {
    this.#closed = true;
    this.#channel?.close();
  }

  #take(message: TabMessage): void {
    if (!this.#closed) this.#hear(message);
  }
}
