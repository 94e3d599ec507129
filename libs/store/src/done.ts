import type { Logger } from '@cim/runtime';
import type { AppendAnswer } from './streams.ts';

export type Done = (answer: AppendAnswer) => void;

/** Answers an append. A caller that throws keeps nobody else waiting and does not end the process. */
export function tell(done: Done, answer: AppendAnswer, logger: Logger): void {
  try {
    done(answer);
  } catch (thrown) {
    logger.error({ err: thrown }, 'store.callback-failed');
  }
}
