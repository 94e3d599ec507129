import { Counter, type Metrics } from '@cim/runtime';

export interface TallyOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly [string, string];
  readonly registers: Metrics;
}

/**
 * A counter by two labels for what is counted with each request: plain numbers, which Prometheus' counter takes over when
 * it is read. That one makes a text of its labels each time, which costs as much as looking up an account.
 */
export class Tally {
  /** Key: the first label's value, then the second's. Never removed: both come from small sets of our own. */
  readonly #counts = new Map<string, Map<string, number>>();

  constructor({ name, help, labelNames, registers }: TallyOptions) {
    const counts = this.#counts;
    const [first, second] = labelNames;
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registers],
      collect() {
        this.reset();
        for (const [a, bySecond] of counts)
          for (const [b, count] of bySecond) this.inc({ [first]: a, [second]: b }, count);
      },
    });
  }

  add(first: string, second: string): void {
    let bySecond = this.#counts.get(first);
    if (bySecond === undefined) this.#counts.set(first, (bySecond = new Map<string, number>()));
    bySecond.set(second, (bySecond.get(second) ?? 0) + 1);
  }
}
