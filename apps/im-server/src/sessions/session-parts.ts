import type { TimingWheel } from '@cim/channel';
import type { SendService, ServerCalls, Suspensions } from '@cim/delivery';
import type { LimitValues, Logger, Observer } from '@cim/runtime';
import type { LogScans, Store } from '@cim/store';
import type { AckBatch } from '../subscriptions/ack-batch.ts';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Instance } from '../recovery/instance.ts';
import type { SendBudget } from './send-budget.ts';

/** The parts that all sessions of a server share. */
export interface SessionParts {
  readonly store: Store;
  readonly scans: LogScans;
  readonly sends: SendService;
  readonly calls: ServerCalls;
  readonly acks: AckBatch;
  readonly groups: GroupLogs;
  readonly instance: Instance;
  readonly budget: SendBudget;
  readonly limits: LimitValues;
  readonly suspensions: Pick<Suspensions, 'ask' | 'suspend'>;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly idleTimeoutMs: number;
}
