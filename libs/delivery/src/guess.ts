import type { InstanceId, UserId } from '@cim/protocol';
import type { Entry } from '@cim/store';
import type { Push, PushOutcome } from './servers.ts';

/** The part of a delivery that a guess uses. */
interface Guessing {
  readonly user: UserId;
  readonly entry: Entry | undefined;
  readonly except: object | undefined;
  readonly parts: { readonly servers: { push(instance: InstanceId, push: Push): void } };
  online: boolean | 'unknown';
  /** Called once per im-server, when the push was written to it or cannot be written. */
  handOne(): void;
  /** Called when an im-server has taken the push. */
  observe(outcome: 'taken'): void;
  /** Called when it is not certain that an im-server has taken the push. */
  notNoted(): void;
}

/** Rings all im-servers, since any of them may hold the user. Each one that holds a session takes the entry. */
export function guess(delivery: Guessing, instances: readonly InstanceId[]): void {
  if (instances.length === 0) return delivery.notNoted();
  const all = new Guess(delivery, instances.length);
  for (const instance of instances) delivery.parts.servers.push(instance, new GuessedLeg(delivery, all));
}

class Guess {
  readonly #delivery: Guessing;
  #open: number;
  #isTaken = false;
  #isUnsure = false;

  constructor(delivery: Guessing, open: number) {
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
  readonly #delivery: Guessing;
  readonly #guess: Guess;
  #isHanded = false;

  constructor(delivery: Guessing, all: Guess) {
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
