import { type InstanceId, type StreamRef, streamName } from '@cim/protocol';
import type { RareWarning } from '@cim/runtime';
import type { Streams } from '@cim/store';

/**
 * Notes are gathered for this long and written once [ms]: every message to a group may name an im-server that
 * is gone.
 */
const GATHER_MS = 50;
/** Wait after a note that the store did not take [ms]. */
const AGAIN_AFTER_MS = 500;
/**
 * Most notes that wait. An im-server reads the logs of all groups it follows every 30 s, and finds further
 * entries then.
 */
const NOTES = 10_000;

/**
 * Notes the streams of groups for im-servers that could not be rung, and tries again until the store takes
 * the notes.
 */
export class GroupNotes {
  readonly #streams: Pick<Streams, 'markDirty'>;
  readonly #notNoted: RareWarning;
  /** Key: instance and stream. Removed when the store is asked; added again when it does not answer. */
  #notes = new Map<string, { readonly instance: InstanceId; readonly stream: StreamRef }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(streams: Pick<Streams, 'markDirty'>, notNoted: RareWarning) {
    this.#streams = streams;
    this.#notNoted = notNoted;
  }

  add(instance: InstanceId, stream: StreamRef): void {
    if (this.#notes.size < NOTES) this.#notes.set(`${instance} ${streamName(stream)}`, { instance, stream });
    this.#flushIn(GATHER_MS);
  }

  #flushIn(ms: number): void {
    this.#timer ??= setTimeout(() => void this.#flush(), ms).unref();
  }

  async #flush(): Promise<void> {
    const notes = this.#notes;
    this.#notes = new Map();
    let cause: unknown;
    await Promise.all(
      [...notes].map(async ([key, note]) => {
        try {
          await this.#streams.markDirty(note.instance, note.stream);
        } catch (error) {
          cause = error;
          this.#notes.set(key, note);
        }
      }),
    );
    this.#timer = undefined;
    if (this.#notes.size === 0) return;
    if (cause !== undefined) this.#notNoted.due({ err: cause, groups: this.#notes.size });
    this.#flushIn(cause === undefined ? GATHER_MS : AGAIN_AFTER_MS);
  }
}
