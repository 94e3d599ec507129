import type { HttpExchange } from './http-caller.ts';
import type { Logger } from './logger.ts';
import type { Storage } from './state.ts';
import type { Timers } from './timers.ts';
import type { Transport } from './transport.ts';

/** Figures of a link, ms; tests shorten them. */
export interface LinkTimes {
  /** For the connection itself. */
  readonly connectMs: number;
  /** From the connection to the answer of the resume. */
  readonly handshakeMs: number;
  /** Silence after which the client shows that it lives. */
  readonly pingAfterMs: number;
  /** Silence after which the connection counts as dead. */
  readonly idleMs: number;
  /** A send unanswered for so long on a live link: start again. */
  readonly answerMs: number;
}

/** How a client is made. */
export interface CimClientOptions {
  /** Such as `http://127.0.0.1:8083`. */
  readonly routeUrl: string;
  /** Registered at the first connect when it is new. */
  readonly userName: string;
  /** Needed when the account has one; sets it when the account is new. */
  readonly password?: string;
  /**
   * For a server whose users log in with tokens (CIM_AUTH=jwt), in place of a password: the token, or a function that gets a fresh
   * one from the business system. The function is called for a login that no session secret opens: at the first one, and when the
   * session has ended. The user name of the account is the one of the token.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** What outlives the process; default: nothing does. */
  readonly state?: Storage;
  /** Name and version of the program, for the server's people. */
  readonly agent?: string;
  /** Names this device to its user, in the list of devices; default: the agent. */
  readonly label?: string;
  /** Sends that may be unanswered at a time; default 10,000. */
  readonly outboxCapacity?: number;
  /** Where the client logs; default: nowhere. */
  readonly logger?: Logger;
  /** 0 to 1; for jitter. */
  readonly random?: () => number;
  /** Clocks and timers; default: those of the host. */
  readonly timers?: Timers;
  /** Figures of connections; tests shorten them. */
  readonly times?: Partial<LinkTimes>;
}

/** How a client of the core is made: the entries for Node and for browsers bring a transport of their own. */
export interface ClientCoreOptions extends CimClientOptions {
  /** Opens connections to im-servers. */
  readonly transport: Transport;
  /** Carries requests to the route; default: the host's `fetch`. */
  readonly http?: HttpExchange;
  /**
   * A client whose state knows the user begins without a connection when the route cannot be reached: `connect` resolves, sends
   * wait, and it goes on trying. Default: `connect` rejects.
   */
  readonly startsOffline?: boolean;
}
