import type { CloseReason } from '@cim/protocol';

/** The im-server that the route has named. */
export interface Address {
  /** Host name or IP address. */
  readonly host: string;
  /** The port for clients, which accepts TCP and WebSockets. */
  readonly port: number;
  /**
   * A shared address of all im-servers (CIM_ADVERTISE_URL), used in place of host and port: `tcp:`, `tls:`,
   * `ws:` or `wss:`.
   */
  readonly url?: string;
  /** Whether the port speaks TLS. */
  readonly tls?: boolean;
}

/** Why TLS has failed. Another try helps only after somebody has changed something. */
export type TlsReason = Extract<CloseReason, 'untrusted' | 'tls-mismatch'>;

/**
 * The calls of a connection to its owner: `onOpen` or `onClose` first, nothing after `onClose`, and nothing
 * within its own methods.
 */
export interface ConnectionEvents {
  /** Bytes may be sent. */
  onOpen(): void;
  /** Bytes have come, which now belong to the owner. They may be cut anywhere. */
  onBytes(bytes: Uint8Array): void;
  /** Called after `send` has answered false: it takes more. */
  onDrain(): void;
  /**
   * Called once when the connection has ended, also when it never opened.
   * @param problem in a few words for a person, what broke it; undefined when the other side has closed it
   * @param reason set when the certificate is not trusted, or TLS met plain text
   */
  onClose(problem?: string, reason?: TlsReason): void;
}

/** A connection below the frames: bytes in both directions, in order, until it closes. */
export interface Connection {
  /** Sends bytes, which must not change afterwards. False: wait for `onDrain` before sending much more. */
  send(bytes: Uint8Array): boolean;
  /**
   * Sends queued bytes, then closes, after a second at the latest. After this only `onClose` is called.
   * Idempotent.
   */
  close(): void;
}

/**
 * Opens connections to im-servers: `tcp` of `@cim/client/node`, `webSocket` of `@cim/client/browser`, or one
 * of your own.
 */
export type Transport = (address: Address, events: ConnectionEvents) => Connection;
