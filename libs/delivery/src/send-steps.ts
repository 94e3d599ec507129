import { channel } from 'node:diagnostics_channel';
import type { StreamRef } from '@cim/protocol';

/**
 * `{step, stream}` of each send: `append` before it goes to the store, `stored` when it is on disk, `push` before an
 * im-server is rung, `receipt` before the sender is answered.
 */
const SEND_STEPS = channel('cim:send');

/** Nothing in the product listens; the fault harness does. */
export function sendStep(step: 'append' | 'stored' | 'push' | 'receipt', stream: StreamRef): void {
  if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step, stream });
}
