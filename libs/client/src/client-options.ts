import type { HttpExchange } from './http-caller.ts';
import type { Logger } from './logger.ts';
import type { Storage } from './state.ts';
import type { Timers } from './timers.ts';
import type { Transport } from './transport.ts';

/** Times of a connection [ms]; tests shorten them. */
export interface LinkTimes {
  /** Longest time to open the connection. */
  readonly connectMs: number;
  /** Longest time from the connection to the answer of the resume. */
  readonly handshakeMs: number;
  /** Silence after which the client sends a sign of life. */
  readonly pingAfterMs: number;
  /** Silence after which the connection counts as dead. */
  readonly idleMs: number;
  /** A send that is unanswered for this long on a live connection makes the client reconnect. */
  readonly answerMs: number;
}

/** Options of a client. */
export interface CimClientOptions {
  /** URL of the route, such as `http://127.0.0.1:8083`. */
  readonly routeUrl: string;
  /** Name of the user. A new name is registered at the first connect. */
  readonly userName: string;
  /** Password of the account. It is needed when the account has one, and set when the account is new. */
  readonly password?: string;
  /**
   * For a server whose users log in with tokens (CIM_AUTH=jwt), in place of a password: the token, or a
   * function that gets a fresh one from the business system. The function is called when no session secret
   * opens the login: at the first one, and when the session has ended. The user name of the account comes
   * from the token.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** Storage for the state that survives the process. Absent: no state survives. */
  readonly state?: Storage;
  /** Name and version of the program, for the operators of the server. */
  readonly agent?: string;
  /** Name of this device in the user's list of devices; default: the agent. */
  readonly label?: string;
  /** Most unanswered sends; default 10,000. */
  readonly outboxCapacity?: number;
  /** Where the client logs; default: nowhere. */
  readonly logger?: Logger;
  /** Random numbers from 0 to 1, for jitter. */
  readonly random?: () => number;
  /** Clocks and timers; default: those of the host. */
  readonly timers?: Timers;
  /** Times of connections; tests shorten them. */
  readonly times?: Partial<LinkTimes>;
}

/** Options of a client of the core. The entries for Node and for browsers bring their own transport. */
export interface ClientCoreOptions extends CimClientOptions {
  /** Opens connections to im-servers. */
  readonly transport: Transport;
  /** Carries requests to the route; default: the host's `fetch`. */
  readonly http?: HttpExchange;
  /**
   * Whether a client whose state knows the user starts without a connection when the route cannot be reached:
   * `connect` resolves, sends wait, and it keeps trying. Absent: `connect` rejects.
   */
  readonly startsOffline?: boolean;
}
