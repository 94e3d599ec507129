/** Keeps the people of a run talking. */
import { type Person, UNDER_WAY } from './crowd.ts';
import type { Turnover } from './turnover.ts';

/** Talks at a steady rate until it has sent enough, or is stopped. It skips persons who are busy. */
export class Talk implements Disposable {
  readonly #people: readonly Person[];
  readonly #filler: string;
  readonly #turnover: Turnover | undefined;
  #said = 0;
  #allowed: number;
  readonly #perTick: number;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  /** @param options.turnover makes people join and leave groups meanwhile */
  constructor(
    people: readonly Person[],
    options: { perSecond: number; upTo?: number; filler?: string; turnover?: Turnover | undefined },
  ) {
    this.#people = people;
    this.#allowed = options.upTo ?? Number.POSITIVE_INFINITY;
    this.#perTick = options.perSecond / 50;
    this.#filler = options.filler ?? '';
    this.#turnover = options.turnover;
  }

  get said(): number {
    return this.#said;
  }

  get done(): boolean {
    return this.#said >= this.#allowed;
  }

  start(): void {
    this.#turnover?.start();
    let due = 0;
    this.#timer = setInterval(() => {
      due = Math.min(due + this.#perTick, this.#people.length * UNDER_WAY);
      for (let tries = this.#people.length; due >= 1 && tries > 0 && !this.done; ) {
        const person = this.#people[this.#next++ % this.#people.length];
        if (person === undefined || person.busy) {
          tries--;
          continue;
        }
        person.say(this.#filler);
        this.#said++;
        due--;
      }
    }, 20);
  }

  stop(): void {
    this.#turnover?.stop();
    clearInterval(this.#timer);
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
