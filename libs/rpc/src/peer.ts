import type { TimingWheel, TurnFlusher } from '@cim/channel';
import type { Logger, Observer } from '@cim/runtime';

/** Where a server takes calls: its internal HTTP port. */
export interface RpcAddress {
  readonly host: string;
  readonly httpPort: number;
}

/** Figures of the calling side, ms; tests shorten them. The wheel rounds them up. */
export interface RpcTimes {
  /** From the first packet to the server's proof. */
  readonly handshakeMs: number;
  /** A server that says nothing for so long after it was asked is frozen or gone. */
  readonly silenceMs: number;
  /** A server that has said nothing for so long without being asked is asked. */
  readonly pingAfterMs: number;
  /** A connection that carried no call for so long is given up. */
  readonly unusedMs: number;
  /** After a failure: how long calls wait for a connection under way before they fail at once. */
  readonly reconnectWaitMs: number;
  /** Before the next attempt: random below a ceiling that doubles from the first to the second. */
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
  /** The cluster's; it is never sent. */
  readonly secret: string;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  /** Nobody counts when it is absent. */
  readonly observer?: Pick<Observer, 'rpcCalled'>;
  readonly random?: () => number;
  readonly times?: Partial<RpcTimes>;
}

/** Bytes that may wait for one peer, either way; a call or an answer that finds more waiting is not taken. */
export const OUTBOX_BYTES = 16 * 1024 * 1024;
