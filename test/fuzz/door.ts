/** Drives one door: many lives at once, each with its own seed, until so many frames were looked at. */
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

  /** @param lives at once @param live answers how many frames of it the server has looked at */
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

  /** Until so many frames are done in all. All lives have ended then. */
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

  /** What reproduces what happens now, one line for each life. */
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
