import type { Dispatcher } from '@cim/delivery';
import type { Logger } from '@cim/runtime';
import type { Store } from '@cim/store';
import type { AckBatch } from './ack-batch.ts';
import type { Instance } from './instance.ts';

/** What every session of a server shares. */
export interface SessionParts {
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly acks: AckBatch;
  readonly instance: Instance;
  readonly logger: Logger;
  readonly idleTimeoutMs: number;
}
