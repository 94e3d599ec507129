/** Every 2 s: streams whose push to this server failed are read, and groups whose push was missed. */
import { inSlices } from '@cim/runtime';
import { ownerOf, type Streams } from '@cim/store';
import type { GroupLog } from '../subscriptions/group-log.ts';
import type { Instance } from './instance.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

const LOOK_MS = 2_000;

export interface DirtyWatchParts {
  readonly streams: Streams;
  readonly registry: SessionRegistry;
  readonly instance: Instance;
  readonly lobby: GroupLog;
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

  /** Never throws. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { streams, registry, instance, lobby } = this.#parts;
    const group = lobby.lookNow();
    try {
      await inSlices(await streams.takeDirty(instance.id), (stream) => {
        const owner = ownerOf(stream);
        if (owner === undefined) return;
        for (const session of registry.of(owner)) session.deliver(undefined, undefined);
      });
    } catch {
      // The store does not answer: whoever renews the lease says so.
    }
    await group;
    this.#looking = false;
  }
}
