import { setTimeout as pause } from 'node:timers/promises';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

/**
 * Below this rate the load waits for the last millisecond before a send turn by turn of the event loop, since
 * a timer is too coarse. Above this rate that would take processor time that the server needs.
 */
const EXACT_BELOW = 200;

/**
 * An open loop: calls `fire(k, atUs)` for each k below `count`, at `startUs` + k / rate, whatever became of
 * earlier calls. A call that is late is made at once, with the time for which it was due.
 */
export async function openLoop(
  clock: Clock,
  {
    startUs,
    ratePerS,
    count,
    stopped,
  }: {
    readonly startUs: number;
    readonly ratePerS: number;
    readonly count: number;
    readonly stopped: () => boolean;
  },
  fire: (k: number, atUs: number) => void,
): Promise<void> {
  const stepUs = 1e6 / ratePerS;
  for (let k = 0; k < count && !stopped(); ) {
    const now = clock.nowUs();
    for (; k < count && startUs + k * stepUs <= now; k++) fire(k, startUs + k * stepUs);
    if (k === count) return;
    const restMs = (startUs + k * stepUs - clock.nowUs()) / 1e3;
    if (restMs > 2) await pause(Math.floor(restMs) - 1);
    else if (ratePerS < EXACT_BELOW) await turn();
    else await pause(1);
  }
}
