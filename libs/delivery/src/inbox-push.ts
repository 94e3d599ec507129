import { inboxOf, type InstanceId, type UserId } from '@cim/protocol';
import type { Observer, PushResult } from '@cim/runtime';
import type { Entry, Store } from '@cim/store';
import type { FailedPushes } from './failed-pushes.ts';
import type { Locations } from './locations.ts';
import type { Push, PushOutcome } from './push-batch.ts';

/** Whether the recipient has a live session; `unknown`: the store did not answer, and no im-server said yes. */
export type Online = boolean | 'unknown';

/** What all pushes share. */
export interface PushParts {
  readonly store: Store;
  readonly locations: Locations;
  readonly observer: Pick<Observer, 'pushed'>;
  /** Those that could not be noted. */
  readonly failed: Pick<FailedPushes, 'add'>;
  /** Rings at an im-server, here or elsewhere. */
  readonly ring: (instance: InstanceId, push: Push) => void;
  /** Every im-server that can be rung. */
  readonly everywhere: () => readonly InstanceId[];
  /** The recipient's im-server is about to be rung for the first time. */
  readonly begins: (user: UserId) => void;
}

/**
 * Finds the recipient and pushes. When the first im-server has no such session or does not answer, it looks once more
 * and pushes again; when that fails too, it notes the stream for the im-server to find. When the store cannot tell where
 * the recipient is, it rings every im-server: the one that holds the session takes the entry.
 */
export class InboxPush implements Push {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly #parts: PushParts;
  readonly #handed: (online: Online) => void;
  #at: InstanceId | undefined;
  readonly #begun = performance.now();
  #tries = 0;
  #told = false;

  /**
   * @param handed called once: the push was written to the im-server's connection, or has failed for good and is
   * noted, or there is nobody to push to
   */
  constructor(user: UserId, entry: Entry | undefined, parts: PushParts, handed: (online: Online) => void) {
    this.user = user;
    this.entry = entry;
    this.#parts = parts;
    this.#handed = handed;
  }

  begin(): void {
    this.#parts.locations.find(this.user, (found) => {
      if (found === 'offline') {
        this.#observe('nowhere');
        return this.#tell(false);
      }
      if (this.#tries++ === 0) this.#parts.begins(this.user);
      if (found === 'unknown') return this.#ringEverywhere();
      this.#at = found.instance;
      this.#parts.ring(found.instance, this);
    });
  }

  written(): void {
    // The second try is the last: only its answer tells whether a note is needed.
    if (this.#tries === 1) this.#tell(true);
  }

  ended(outcome: PushOutcome): void {
    if (outcome === 'taken') {
      this.#observe('taken');
      return this.#tell(true);
    }
    this.#parts.locations.forget(this.user);
    if (this.#tries === 1) this.begin();
    else this.#note();
  }

  #note(): void {
    if (this.#at === undefined) return this.#tell(true);
    this.#parts.store.streams.markDirty(this.#at, inboxOf(this.user)).then(
      () => {
        this.#observe('noted');
        this.#tell(true);
      },
      (error: unknown) => {
        this.#notNoted(error);
        this.#tell(true);
      },
    );
  }

  #ringEverywhere(): void {
    const servers = new Set(this.#parts.everywhere());
    // The list may lack it.
    if (this.#at !== undefined) servers.add(this.#at);
    let [toHand, toEnd] = [servers.size, servers.size];
    let taken = false;
    const handed = (): void => {
      if (--toHand === 0) this.#tell(taken || 'unknown');
    };
    const ended = (outcome: PushOutcome): void => {
      taken ||= outcome === 'taken';
      if (--toEnd > 0) return;
      if (taken) this.#observe('taken');
      else this.#notNoted();
    };
    if (servers.size === 0) {
      this.#notNoted();
      return this.#tell('unknown');
    }
    for (const instance of servers)
      this.#parts.ring(instance, new GuessedPush(this.user, this.entry, handed, ended));
  }

  #notNoted(cause?: unknown): void {
    this.#observe('not-noted');
    this.#parts.failed.add(this.user, cause);
  }

  #observe(outcome: PushResult): void {
    this.#parts.observer.pushed(outcome, (performance.now() - this.#begun) / 1_000);
  }

  #tell(online: Online): void {
    if (this.#told) return;
    this.#told = true;
    this.#handed(online);
  }
}

/** The push to one of many im-servers, any of which may hold the recipient. */
class GuessedPush implements Push {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly #handed: () => void;
  readonly #ended: (outcome: PushOutcome) => void;
  #isHanded = false;

  constructor(
    user: UserId,
    entry: Entry | undefined,
    handed: () => void,
    ended: (outcome: PushOutcome) => void,
  ) {
    this.user = user;
    this.entry = entry;
    this.#handed = handed;
    this.#ended = ended;
  }

  written(): void {
    this.#hand();
  }

  ended(outcome: PushOutcome): void {
    this.#ended(outcome);
    this.#hand();
  }

  #hand(): void {
    if (this.#isHanded) return;
    this.#isHanded = true;
    this.#handed();
  }
}
