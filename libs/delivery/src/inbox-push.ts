import { inboxOf, type InstanceId, type UserId } from '@cim/protocol';
import type { RareWarning } from '@cim/runtime';
import type { Entry, Store } from '@cim/store';
import type { Locations } from './locations.ts';
import type { Push, PushOutcome } from './push-batch.ts';

/** What all pushes share. */
export interface PushParts {
  readonly store: Store;
  readonly locations: Locations;
  /** Neither pushed nor noted. */
  readonly notNoted: RareWarning;
  /** Rings at an im-server, here or elsewhere. */
  readonly ring: (instance: InstanceId, push: Push) => void;
  /** The recipient's im-server is about to be rung for the first time. */
  readonly begins: (user: UserId) => void;
}

/**
 * Finds the recipient and pushes: once more when the first im-server has no such session or does not answer; when that
 * fails too the stream is noted for the im-server to find.
 */
export class InboxPush implements Push {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly #parts: PushParts;
  readonly #handed: (online: boolean) => void;
  #at: InstanceId | undefined;
  #tries = 0;
  #told = false;

  /**
   * @param handed called once: the push was written to the im-server's connection, or has failed for good and is
   * noted, or there is nobody to push to
   */
  constructor(user: UserId, entry: Entry | undefined, parts: PushParts, handed: (online: boolean) => void) {
    this.user = user;
    this.entry = entry;
    this.#parts = parts;
    this.#handed = handed;
  }

  begin(): void {
    this.#parts.locations.find(this.user, (at) => {
      if (at === undefined) return this.#tell(false);
      if (this.#tries++ === 0) this.#parts.begins(this.user);
      this.#at = at.instance;
      this.#parts.ring(at.instance, this);
    });
  }

  written(): void {
    // The second try is the last: only its answer tells whether a note is needed.
    if (this.#tries === 1) this.#tell(true);
  }

  ended(outcome: PushOutcome): void {
    if (outcome === 'taken') return this.#tell(true);
    this.#parts.locations.forget(this.user);
    if (this.#tries === 1) this.begin();
    else this.#note();
  }

  #note(): void {
    if (this.#at === undefined) return this.#tell(true);
    this.#parts.store.streams.markDirty(this.#at, inboxOf(this.user)).then(
      () => this.#tell(true),
      (error: unknown) => {
        // Its look at every session finds the entry, within 30 s.
        this.#parts.notNoted.due({ err: error, userId: this.user });
        this.#tell(true);
      },
    );
  }

  #tell(online: boolean): void {
    if (this.#told) return;
    this.#told = true;
    this.#handed(online);
  }
}
