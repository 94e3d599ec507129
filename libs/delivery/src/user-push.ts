import { inboxOf, type InstanceId, type UserId } from '@cim/protocol';
import type { Observer, PushResult } from '@cim/runtime';
import type { Entry, Store } from '@cim/store';
import type { FailedPushes } from './failed-pushes.ts';
import type { Found, Locating, Locations } from './locations.ts';
import type { Push, PushOutcome } from './push-batch.ts';
import { sendStep } from './send-steps.ts';

/** Whether the recipient has a live session; `unknown`: the store did not answer, and no im-server said yes. */
export type Online = boolean | 'unknown';

/** What all pushes share. */
export interface PushParts {
  readonly store: Store;
  readonly locations: Pick<Locations, 'find' | 'forget'>;
  readonly observer: Pick<Observer, 'pushed'>;
  /** Those that could not be noted. */
  readonly failed: Pick<FailedPushes, 'add'>;
  /** Rings at an im-server, here or elsewhere. */
  readonly ring: (instance: InstanceId, push: Push) => void;
  /** Every im-server that can be rung, once. */
  readonly everywhere: () => readonly InstanceId[];
}

export interface Pusher {
  /**
   * Called once: the push was written to the connection of each im-server that holds the user, or has failed there for
   * good and is noted, or there is nobody to push to.
   */
  handed(push: UserPush): void;
}

/**
 * One entry on its way to the devices of one user: each im-server that holds one is rung once, which is a leg.
 *
 * | leg | event | next |
 * | --- | --- | --- |
 * | first try | taken | ended |
 * | first try | gone, or no answer | the user is located again. Still there: second try. Elsewhere too: a leg with its last try |
 * | last try | gone, or no answer | the stream is noted for the im-server, which reads it soon |
 *
 * When the store cannot tell where the user is, every im-server is rung once: each that holds a session takes the entry.
 */
export class UserPush implements Locating {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly except: object | undefined;
  readonly parts: PushParts;
  readonly #pusher: Pusher;
  readonly #begun = performance.now();
  readonly #legs: Leg[] = [];
  /** Legs that are not handed over yet; the look-up is the first. */
  #toHand = 1;
  #isHanded = false;
  #online: Online = 'unknown';

  constructor(
    user: UserId,
    entry: Entry | undefined,
    except: object | undefined,
    parts: PushParts,
    pusher: Pusher,
  ) {
    this.user = user;
    this.entry = entry;
    this.except = except;
    this.parts = parts;
    this.#pusher = pusher;
  }

  get online(): Online {
    return this.#online;
  }

  begin(): void {
    this.parts.locations.find(this.user, this);
  }

  located(found: Found): void {
    if (found.length === 0) this.#isNowhere();
    else {
      sendStep('push', inboxOf(this.user));
      if (found === 'unknown') this.#guess(this.parts.everywhere());
      else {
        this.#online = true;
        for (const { instance } of found) this.#ring(instance, true);
      }
    }
    this.handOne();
  }

  /** The user was located again, because a leg has failed at its first try. */
  relocated(leg: Leg, found: Found): void {
    let isThere = false;
    if (found === 'unknown') {
      const others = this.parts.everywhere().filter((instance) => !this.#isRung(instance));
      this.#guess([leg.at, ...others]);
    } else {
      for (const { instance } of found)
        if (instance === leg.at) isThere = true;
        else this.#ring(instance, false);
      if (isThere) return leg.ringAgain();
      this.#legs.splice(this.#legs.indexOf(leg), 1);
      if (this.#legs.length === 0) this.#isNowhere();
    }
    leg.hand();
  }

  /** An im-server that was rung because any may hold the user has taken the entry. */
  taken(): void {
    this.#online = true;
  }

  handOne(): void {
    if (--this.#toHand > 0 || this.#isHanded) return;
    this.#isHanded = true;
    this.#pusher.handed(this);
  }

  observe(outcome: PushResult): void {
    this.parts.observer.pushed(outcome, (performance.now() - this.#begun) / 1_000);
  }

  notNoted(cause?: unknown): void {
    this.observe('not-noted');
    this.parts.failed.add(this.user, cause);
  }

  #isNowhere(): void {
    this.#online = false;
    this.observe('nowhere');
  }

  #isRung(instance: InstanceId): boolean {
    for (const { at } of this.#legs) if (at === instance) return true;
    return false;
  }

  #ring(instance: InstanceId, mayFail: boolean): void {
    if (this.#isRung(instance)) return;
    const leg = new Leg(this, instance, mayFail);
    this.#legs.push(leg);
    this.#toHand++;
    this.parts.ring(instance, leg);
  }

  #guess(instances: readonly InstanceId[]): void {
    if (instances.length === 0) return this.notNoted();
    const guess = new Guess(this, instances.length);
    this.#toHand += instances.length;
    for (const instance of instances) this.parts.ring(instance, new GuessedLeg(this, guess));
  }
}

/** The push to an im-server at which the user is. */
class Leg implements Push, Locating {
  readonly at: InstanceId;
  readonly #push: UserPush;
  #mayFail: boolean;
  #isHanded = false;

  /** @param mayFail it is the first try */
  constructor(push: UserPush, at: InstanceId, mayFail: boolean) {
    this.#push = push;
    this.at = at;
    this.#mayFail = mayFail;
  }

  get user(): UserId {
    return this.#push.user;
  }

  get entry(): Entry | undefined {
    return this.#push.entry;
  }

  get except(): object | undefined {
    return this.#push.except;
  }

  ringAgain(): void {
    this.#mayFail = false;
    this.#push.parts.ring(this.at, this);
  }

  written(): void {
    // Only the answer to the last try tells whether a note is needed.
    if (this.#mayFail) this.hand();
  }

  ended(outcome: PushOutcome): void {
    if (outcome === 'taken') {
      this.#push.observe('taken');
      return this.hand();
    }
    const { locations } = this.#push.parts;
    locations.forget(this.user);
    if (this.#mayFail) locations.find(this.user, this);
    else this.#note();
  }

  located(found: Found): void {
    this.#push.relocated(this, found);
  }

  hand(): void {
    if (this.#isHanded) return;
    this.#isHanded = true;
    this.#push.handOne();
  }

  #note(): void {
    this.#push.parts.store.streams.markDirty(this.at, inboxOf(this.user)).then(
      () => {
        this.#push.observe('noted');
        this.hand();
      },
      (error: unknown) => {
        this.#push.notNoted(error);
        this.hand();
      },
    );
  }
}

/** The pushes to im-servers any of which may hold the user. */
class Guess {
  readonly #push: UserPush;
  #open: number;
  #isTaken = false;
  #isUnsure = false;

  constructor(push: UserPush, open: number) {
    this.#push = push;
    this.#open = open;
  }

  ended(outcome: PushOutcome): void {
    if (outcome === 'taken') {
      this.#isTaken = true;
      this.#push.taken();
    } else if (outcome === 'failed') this.#isUnsure = true;
    if (--this.#open > 0) return;
    // An im-server that did not answer may hold another device of the user.
    if (this.#isTaken && !this.#isUnsure) this.#push.observe('taken');
    else this.#push.notNoted();
  }
}

class GuessedLeg implements Push {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly except: object | undefined;
  readonly #push: UserPush;
  readonly #guess: Guess;
  #isHanded = false;

  constructor(push: UserPush, guess: Guess) {
    this.user = push.user;
    this.entry = push.entry;
    this.except = push.except;
    this.#push = push;
    this.#guess = guess;
  }

  written(): void {
    this.#hand();
  }

  ended(outcome: PushOutcome): void {
    this.#guess.ended(outcome);
    this.#hand();
  }

  #hand(): void {
    if (this.#isHanded) return;
    this.#isHanded = true;
    this.#push.handOne();
  }
}
