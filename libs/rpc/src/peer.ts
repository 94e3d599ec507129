import type { TimingWheel, TurnFlusher } from '@cim/channel';
import type { ClusterSecret, Logger, Observer, TlsFiles } from '@cim/runtime';

/** Address at which a server takes calls: its internal HTTP port. */
export interface RpcAddress {
  readonly host: string;
  readonly httpPort: number;
  /** What its registration says: it speaks TLS, only that or beside plain text. */
  readonly tls?: 'only' | 'also';
}

/** States of the way to one server. `down`: calls fail at once, until the next attempt. `stopped`: its last bytes go out. */
export const RPC_LINK_STATES = ['idle', 'connecting', 'open', 'down', 'stopped'] as const;
export type RpcLinkState = (typeof RPC_LINK_STATES)[number];

/** Times of the calling side [ms]. Tests shorten them. The timing wheel rounds them up. */
export interface RpcTimes {
  /** Longest time from the first packet to the server's proof. */
  readonly handshakeMs: number;
  /** A server that is silent for this long after a call or ping is frozen or gone. */
  readonly silenceMs: number;
  /** A server that is silent for this long is pinged. */
  readonly pingAfterMs: number;
  /** A connection without calls for this long is closed. */
  readonly unusedMs: number;
  /** After a failure, calls wait this long for a connection that is being made. Then they fail at once. */
  readonly reconnectWaitMs: number;
  /** Delay before the next attempt: random, below a ceiling that doubles from the first value to the second. */
  readonly backoffMs: readonly [number, number];
}

export const RPC_TIMES: RpcTimes = {
  handshakeMs: 2_000,
  silenceMs: 3_000,
  pingAfterMs: 5_000,
  unusedMs: 300_000,
  reconnectWaitMs: 250,
  backoffMs: [200, 3_000],
};

export interface RpcClientParts {
  /** The cluster secret, never sent: calls are proven by the current one. A text never changes. */
  readonly secret: string | ClusterSecret;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  /** With a certificate of its own a process calls with TLS. */
  readonly tls?: TlsFiles | undefined;
  /** Receives what can be counted. Absent: nothing is counted. */
  readonly observer?: Pick<Observer, 'rpcCalled'>;
  readonly random?: () => number;
  readonly times?: Partial<RpcTimes>;
}

/** Bytes that may wait for one peer in each direction. A call or an answer that would exceed this is refused. */
export const OUTBOX_BYTES = 16 * 1024 * 1024;
