import type { TimingWheel, TurnFlusher } from '@cim/channel';
import type { CimError } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { RpcAddress } from './peer.ts';

/**
 * Carries out one call: calls `reply` or `fail`, once, at once or later; what comes after the first is ignored.
 * `payload` is a view of what was read: keep a copy of what must live long. A handler that throws has failed.
 */
export type RpcHandler = (
  payload: Uint8Array,
  reply: (payload: Uint8Array) => void,
  fail: (error: CimError) => void,
) => void;

export interface RpcServerParts {
  /** The cluster's; it is never sent. */
  readonly secret: string;
  /** Where other servers are told to call this one; undefined until that is known. */
  readonly address: () => RpcAddress | undefined;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  /** Key: method number, from 1. */
  readonly handlers: ReadonlyMap<number, RpcHandler>;
}
