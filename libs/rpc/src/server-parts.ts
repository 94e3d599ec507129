import type { TimingWheel, TurnFlusher } from '@cim/channel';
import type { ClusterSecret, Logger, TlsFiles } from '@cim/runtime';
import type { RpcAddress } from './peer.ts';

/**
 * Carries out one call. It returns the answer, now or later. `payload` is a view of the read buffer: copy what must outlive the
 * handler. A `CimError` that it throws refuses the call; any other error is logged, and the call has failed.
 */
export type RpcHandler = (payload: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export interface RpcServerParts {
  /** The cluster secret, never sent: a caller may know any that is accepted. A text never changes. */
  readonly secret: string | ClusterSecret;
  /** Address at which other servers call this one; undefined until it is known. */
  readonly address: () => RpcAddress | undefined;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  /** The certificate of the port that the server is attached to. */
  readonly tls?: TlsFiles | undefined;
  /** Key: method number, from 1. */
  readonly handlers: ReadonlyMap<number, RpcHandler>;
}
