import { streamName, type Epoch, type StreamRef } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { Cursor, Streams, UserDevice } from '@cim/store';

const FLUSH_MS = 200;

interface Acking extends UserDevice {
  readonly epoch: Epoch;
}

type Ack = Parameters<Streams['ack']>[0][number];

/** Gathers the acks of all sessions of this server and writes them together every 200 ms. */
export class AckBatch {
  readonly #streams: Streams;
  readonly #logger: Logger;
  /** Key: session, then stream. Emptied by each flush. */
  #dirty = new Map<Acking, Map<string, Ack>>();
  #timer: NodeJS.Timeout | undefined;
  /** Batches that are being written. Each is removed when it ends. */
  readonly #flushing = new Set<Promise<void>>();

  constructor(streams: Streams, logger: Logger) {
    this.#streams = streams;
    this.#logger = logger;
  }

  /** Adds an ack. A later one of the same stream replaces an earlier one. */
  add(session: Acking, stream: StreamRef, cursor: Cursor): void {
    let ofSession = this.#dirty.get(session);
    if (ofSession === undefined) {
      ofSession = new Map<string, Ack>();
      this.#dirty.set(session, ofSession);
    }
    const { userId, device, epoch } = session;
    ofSession.set(streamName(stream), { user: userId, device, epoch, stream, cursor });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
  }

  /**
   * Writes all acks, and resolves when they are written. Never throws: the next ack, or the client's own
   * cursor, makes up for a lost one.
   */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const acks = [...this.#dirty.values()].flatMap((ofSession) => [...ofSession.values()]);
    this.#dirty = new Map();
    if (acks.length > 0) {
      const written = this.#streams
        .ack(acks)
        .catch((error: unknown) => this.#logger.warn({ err: error, acks: acks.length }, 'ack.failed'))
        .finally(() => this.#flushing.delete(written));
      this.#flushing.add(written);
    }
    await Promise.all(this.#flushing);
  }
}
