/** Every 2 s the im-server reads the streams whose push to it failed, and the top of the lobby. */
import { type GroupId, ownerOf, wireName } from '@cim/protocol';
import { inSlices } from '@cim/runtime';
import type { Streams } from '@cim/store';
import type { GroupLogs } from '../subscriptions/group-logs.ts';
import type { Instance } from './instance.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

const LOOK_MS = 2_000;

export interface DirtyWatchParts {
  readonly streams: Streams;
  readonly registry: SessionRegistry;
  readonly instance: Instance;
  readonly groups: Pick<GroupLogs, 'lobby' | 'find'>;
}

export class DirtyWatch {
  readonly #parts: DirtyWatchParts;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(parts: DirtyWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Reads the streams noted for this im-server, and the top of the lobby. Never throws. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { streams, registry, instance, groups } = this.#parts;
    const lobby = groups.lobby.lookNow();
    try {
      await inSlices(await streams.takeDirty(instance.id), (stream) => {
        const owner = ownerOf(stream);
        if (owner === undefined) void groups.find(wireName(stream) as GroupId)?.lookNow();
        else for (const session of registry.of(owner)) session.deliver(undefined, undefined);
      });
    } catch {
      // The store does not answer: whoever renews the lease says so.
    }
    await lobby;
    this.#looking = false;
  }
}
