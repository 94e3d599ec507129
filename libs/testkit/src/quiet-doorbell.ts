import type { Doorbell } from '@cim/delivery';
import type { InstanceId } from '@cim/protocol';

/**
 * An im-server that takes every push, says that it holds every session, and does nothing else unless a test
 * replaces an act.
 */
export const quietDoorbell = (instance: InstanceId, acts: Partial<Doorbell> = {}): Doorbell => ({
  instance,
  deliver: () => 'taken',
  broadcast: () => undefined,
  signal: () => undefined,
  signalGroup: () => undefined,
  groupsChanged: () => undefined,
  holds: () => true,
  load: () => ({ sessions: 1, connections: 2, serving: true, cpu: 0.25, loopDelayMs: 3, rssBytes: 4_096 }),
  places: () => [],
  kick: () => undefined,
  suspended: () => undefined,
  fetchOffline: () => undefined,
  delivered: () => undefined,
  move: () => ({
    ...{ moving: undefined, own: 0, cim: 0, left: 0, moved: 0 },
    ...{ rate: 0, thenExit: false, waits: '' },
  }),
  ...acts,
});
