import type { TimingWheel, TurnFlusher } from '@cim/channel';
import type { Logger } from '@cim/runtime';
import type { LinkTimes } from './link.ts';
import type { ClientState } from './state.ts';

/** How a client is made. */
export interface CimClientOptions {
  /** Such as `http://127.0.0.1:8083`. */
  readonly routeUrl: string;
  /** Registered at the first connect when it is new. */
  readonly userName: string;
  /** Needed when the account has one; sets it when the account is new. */
  readonly password?: string;
  /** What outlives the process; default: nothing does. */
  readonly state?: ClientState;
  /** Name and version of the program, for the server's people. */
  readonly agent?: string;
  /** Names this device to its user, in the list of devices; default: the agent. */
  readonly label?: string;
  /** Sends that may be unanswered at a time; default 10,000. */
  readonly outboxCapacity?: number;
  readonly logger?: Logger;
  /** For programs with many clients: one wheel, started by the program, and one flusher for all. */
  readonly shared?: { readonly wheel: TimingWheel; readonly flusher: TurnFlusher };
  /** 0 to 1; for jitter. */
  readonly random?: () => number;
  /** ms, monotonic. */
  readonly now?: () => number;
  /** ms since 1970. */
  readonly time?: () => number;
  readonly times?: Partial<LinkTimes>;
}
