import { channel } from 'node:diagnostics_channel';
import { inboxOf, type InstanceId, type StreamRef, type UserId } from '@cim/protocol';
import type { Observer, PushResult } from '@cim/runtime';
import type { Entry, Streams } from '@cim/store';
import type { FailedPushes } from './failed-pushes.ts';
import { guess } from './guess.ts';
import type { Found, Locating, Locations } from './locations.ts';
import type { Push, PushOutcome, Servers } from './servers.ts';

/**
 * Whether the recipient has a live session. `unknown`: the store did not answer, and no im-server has taken
 * the entry.
 */
export type Online = boolean | 'unknown';

/** The parts that all deliveries share. */
export interface DeliveryParts {
  readonly streams: Pick<Streams, 'markDirty'>;
  readonly locations: Pick<Locations, 'find' | 'forget'>;
  readonly servers: Pick<Servers, 'push' | 'everywhere'>;
  readonly observer: Pick<Observer, 'pushed'>;
  /** Takes the users for whom no note could be written. */
  readonly failed: Pick<FailedPushes, 'add'>;
}

export interface Pusher {
  /**
   * Called once, when nothing of the delivery is open any more: for each im-server that holds the user, the
   * push was written to its connection, or has failed for good and is noted. Also called when there is no
   * im-server to push to.
   */
  handed(delivery: Delivery): void;
}

/**
 * Brings one stored entry to the devices of one user. Each im-server that holds a device is rung once; that
 * is a leg. Only the append counts: a push is a doorbell with the entry attached (docs/architecture.md).
 *
 * | leg | event | next |
 * | --- | --- | --- |
 * | first try | taken | ended |
 * | first try | gone, or no answer | the user is located again. Still there: second try. Elsewhere too: a leg with its last try |
 * | last try | gone, or no answer | the stream is noted for the im-server, which reads it soon |
 *
 * When the store cannot tell where the user is, every im-server is rung once (`guess.ts`).
 */
export class Delivery implements Locating {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly except: object | undefined;
  readonly parts: DeliveryParts;
  /** Set here and by `guess.ts`. */
  online: Online = 'unknown';
  readonly #pusher: Pusher;
  readonly #begun = performance.now();
  readonly #legs: Leg[] = [];
  /** Number of legs that are not handed over yet. The look-up counts as the first. */
  #toHand = 1;
  #isHanded = false;

  /**
   * @param entry undefined: the im-servers read the log
   * @param except a session of this process that gets nothing
   */
  constructor(
    user: UserId,
    entry: Entry | undefined,
    except: object | undefined,
    parts: DeliveryParts,
    pusher: Pusher,
  ) {
    this.user = user;
    this.entry = entry;
    this.except = except;
    this.parts = parts;
    this.#pusher = pusher;
  }

  begin(): void {
    this.parts.locations.find(this.user, this);
  }

  located(found: Found): void {
    if (found.length === 0) this.#isNowhere();
    else {
      sendStep('push', inboxOf(this.user));
      if (found === 'unknown') this.#guess(this.parts.servers.everywhere());
      else {
        this.online = true;
        for (const { instance } of found) this.#ring(instance, true);
      }
    }
    this.handOne();
  }

  /** Called when the user was located again after the first try of a leg has failed. */
  relocated(leg: Leg, found: Found): void {
    let isThere = false;
    if (found === 'unknown') {
      const others = this.parts.servers.everywhere().filter((instance) => !this.#isRung(instance));
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
    this.online = false;
    this.observe('nowhere');
  }

  #isRung(instance: InstanceId): boolean {
    return this.#legs.some(({ at }) => at === instance);
  }

  #ring(instance: InstanceId, mayFail: boolean): void {
    if (this.#legs.length > 0 && this.#isRung(instance)) return;
    const leg = new Leg(this, instance, mayFail);
    this.#legs.push(leg);
    this.#toHand++;
    this.parts.servers.push(instance, leg);
  }

  #guess(instances: readonly InstanceId[]): void {
    this.#toHand += instances.length;
    guess(this, instances);
  }
}

/** The push to one im-server that holds a device of the user. */
class Leg implements Push, Locating {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly except: object | undefined;
  readonly at: InstanceId;
  readonly #delivery: Delivery;
  #mayFail: boolean;
  #isHanded = false;

  /** @param mayFail whether this is the first try */
  constructor(delivery: Delivery, at: InstanceId, mayFail: boolean) {
    this.user = delivery.user;
    this.entry = delivery.entry;
    this.except = delivery.except;
    this.at = at;
    this.#delivery = delivery;
    this.#mayFail = mayFail;
  }

  ringAgain(): void {
    this.#mayFail = false;
    this.#delivery.parts.servers.push(this.at, this);
  }

  written(): void {
    // After the last try only the answer tells whether a note is needed.
    if (this.#mayFail) this.hand();
  }

  ended(outcome: PushOutcome): void {
    if (outcome === 'taken') {
      this.#delivery.observe('taken');
      return this.hand();
    }
    const { locations } = this.#delivery.parts;
    locations.forget(this.user);
    if (this.#mayFail) locations.find(this.user, this);
    else this.#note();
  }

  located(found: Found): void {
    this.#delivery.relocated(this, found);
  }

  hand(): void {
    if (this.#isHanded) return;
    this.#isHanded = true;
    this.#delivery.handOne();
  }

  #note(): void {
    this.#delivery.parts.streams.markDirty(this.at, inboxOf(this.user)).then(
      () => {
        this.#delivery.observe('noted');
        this.hand();
      },
      (error: unknown) => {
        this.#delivery.notNoted(error);
        this.hand();
      },
    );
  }
}

/**
 * Publishes `{step, stream}` for each send: `append` before it goes to the store, `stored` when it is on
 * disk, `push` before an im-server is rung, `receipt` before the sender is answered.
 */
const SEND_STEPS = channel('cim:send');

/** Publishes one step. Nothing in the product subscribes; the fault harness does. */
export function sendStep(step: 'append' | 'stored' | 'push' | 'receipt', stream: StreamRef): void {
  if (SEND_STEPS.hasSubscribers) SEND_STEPS.publish({ step, stream });
}
