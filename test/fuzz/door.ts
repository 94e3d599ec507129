/**
 * Drives one door: many lives at once, each with its own seed, until the server has read the wanted number of
 * frames.
 */
import { seedOf } from './dice.ts';
import type { Trace } from './life.ts';

export type DoorName = 'tcp' | 'ws' | 'http';

export class Door {
  readonly name: DoorName;
  readonly #seed: number;
  readonly #lives: number;
  readonly #live: (life: number, seed: number, trace: Trace) => Promise<number>;
  readonly #underWay = new Map<number, Trace>();
  #next = 0;
  #done = 0;

  /**
   * @param lives number of lives at once
   * @param live runs a life, and answers how many of its frames the server has read
   */
  constructor(
    name: DoorName,
    seed: number,
    lives: number,
    live: (life: number, seed: number, trace: Trace) => Promise<number>,
  ) {
    this.name = name;
    this.#seed = seed;
    this.#lives = lives;
    this.#live = live;
  }

  get done(): number {
    return this.#done;
  }

  get begun(): number {
    return this.#next;
  }

  /** Runs lives until that many frames are read in all. When it resolves, all lives have ended. */
  async until(frames: number, stop: AbortSignal): Promise<void> {
    const slot = async (): Promise<void> => {
      while (this.#done < frames && !stop.aborted) await this.one(this.#next++);
    };
    await Promise.all(Array.from({ length: this.#lives }, slot));
  }

  async one(life: number): Promise<void> {
    const trace: Trace = { last: Buffer.alloc(0) };
    this.#underWay.set(life, trace);
    try {
      const done = await this.#live(life, seedOf(this.#seed, this.name, life), trace);
      this.#done += done;
    } finally {
      this.#underWay.delete(life);
    }
  }

  /** One line for each life under way, with what is needed to run it again. */
  underWay(): readonly string[] {
    const lives = [...this.#underWay.keys()];
    if (lives.length === 0) return [];
    return [
      `npm run fuzz -- --seed ${this.#seed} --door ${this.name} --lives ${lives.join()}`,
      ...[...this.#underWay].map(
        ([life, { last }]) => `${this.name} life ${life}, written last: ${last.toString('base64')}`,
      ),
    ];
  }
}
