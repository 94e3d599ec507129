import type { TimingWheel, TurnFlusher } from '@cim/channel';
import type { CimError } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { RpcAddress } from './peer.ts';

/**
 * Carries out one call. It calls `reply` or `fail` once, now or later; further calls of either are ignored. `payload` is a
 * view of the read buffer: copy what must outlive the handler. A handler that throws has failed.
 */
export type RpcHandler = (
  payload: Uint8Array,
  reply: (payload: Uint8Array) => void,
  fail: (error: CimError) => void,
) => void;

export interface RpcServerParts {
  /** The cluster secret. It is never sent. */
  readonly secret: string;
  /** Address at which other servers call this one; undefined until it is known. */
  readonly address: () => RpcAddress | undefined;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  /** Key: method number, from 1. */
  readonly handlers: ReadonlyMap<number, RpcHandler>;
}
