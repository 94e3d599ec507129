import type { InstanceId, UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';
import type { Delivery } from './delivery.ts';
import type { Push, PushOutcome } from './servers.ts';

/** Rings im-servers any of which may hold the user: each that holds a session takes the entry. */
export function guess(delivery: Delivery, instances: readonly InstanceId[]): void {
  if (instances.length === 0) return delivery.notNoted();
  const all = new Guess(delivery, instances.length);
  for (const instance of instances) delivery.parts.servers.push(instance, new GuessedLeg(delivery, all));
}

class Guess {
  readonly #delivery: Delivery;
  #open: number;
  #isTaken = false;
  #isUnsure = false;

  constructor(delivery: Delivery, open: number) {
    this.#delivery = delivery;
    this.#open = open;
  }

  ended(outcome: PushOutcome): void {
    if (outcome === 'taken') {
      this.#isTaken = true;
      this.#delivery.online = true;
    } else if (outcome === 'failed') this.#isUnsure = true;
    if (--this.#open > 0) return;
    // An im-server that did not answer may hold another device of the user.
    if (this.#isTaken && !this.#isUnsure) this.#delivery.observe('taken');
    else this.#delivery.notNoted();
  }
}

class GuessedLeg implements Push {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly except: object | undefined;
  readonly #delivery: Delivery;
  readonly #guess: Guess;
  #isHanded = false;

  constructor(delivery: Delivery, all: Guess) {
    this.user = delivery.user;
    this.entry = delivery.entry;
    this.except = delivery.except;
    this.#delivery = delivery;
    this.#guess = all;
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
    this.#delivery.handOne();
  }
}
