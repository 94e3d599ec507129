import type { Logger } from '@cim/runtime';

/** Serves several callers whose answers came together. One that throws keeps the others waiting for nothing. */
export function serveEach<T>(callers: Iterable<T>, serve: (caller: T) => void, logger: Logger): void {
  for (const caller of callers) {
    try {
      serve(caller);
    } catch (error) {
      logger.error({ err: error }, 'delivery.callback-failed');
    }
  }
}
