import type { CloseReason } from '@cim/protocol';

/** Where the route has sent the client: an im-server. */
export interface Address {
  /** Name or address. */
  readonly host: string;
  /** Of its clients' port, which takes TCP and WebSockets. */
  readonly port: number;
  /** One address of all im-servers (CIM_ADVERTISE_URL), to be used in place of host and port: `tcp:`, `tls:`, `ws:` or `wss:`. */
  readonly url?: string;
  /** The port speaks TLS. */
  readonly tls?: boolean;
}

/** Why TLS has failed: trying again helps only when somebody has changed something. */
export type TlsReason = Extract<CloseReason, 'untrusted' | 'tls-mismatch'>;

/** What a connection tells its owner: `onOpen` or `onClose` first, nothing after `onClose`, nothing within one of its own methods. */
export interface ConnectionEvents {
  /** Bytes may go. */
  onOpen(): void;
  /** The bytes are the owner's; where they are cut means nothing. */
  onBytes(bytes: Uint8Array): void;
  /** After `send` answered false: it takes more. */
  onDrain(): void;
  /**
   * Once, whatever ended it, also when it has never opened.
   * @param problem what broke it, in a few words for a person; undefined when the other side has closed it
   * @param reason when it is more than a broken connection: the certificate is not trusted, or TLS met plain text
   */
  onClose(problem?: string, reason?: TlsReason): void;
}

/** A connection under the frames: bytes both ways, in order, until it closes. */
export interface Connection {
  /** Takes the bytes, which must not change afterwards. False: wait for `onDrain` before more than a few. */
  send(bytes: Uint8Array): boolean;
  /** Sends what it has taken, then closes, after a second at the latest; nothing is heard any more but `onClose`. Idempotent. */
  close(): void;
}

/** Opens connections to im-servers: `tcp` of `@cim/client/node`, `webSocket` of `@cim/client/browser`, or one of your own. */
export type Transport = (address: Address, events: ConnectionEvents) => Connection;
