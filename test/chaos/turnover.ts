/** Groups whose members join, leave, join again, are muted and unmuted, while everybody talks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lanes, Person } from './crowd.ts';
import { type Change, groupLane, type Journal, type JournalEntry } from './journal.ts';
import { below } from './random.ts';
import { refusalOf } from './refusals.ts';

const AGAIN_MS = 200;
/**
 * A change that was carried out but not answered is refused when it is repeated. So is a call while its
 * secret is replaced.
 */
const REFUSED_TIMES = 5;

interface TurningGroup {
  readonly lane: string;
  readonly id: string;
  readonly owner: Person;
  /** Key: member besides the owner. Value: whether it is muted. */
  readonly members: Map<string, boolean>;
  busy: boolean;
}

export interface TurnoverOptions {
  readonly lanes: Lanes;
  /** Number of members of each group, with the owner. */
  readonly sizes: readonly number[];
  readonly random: () => number;
  /** Changes per second. */
  readonly perSecond: number;
}

export class Turnover {
  readonly name = 'turnover';
  readonly entries: JournalEntry[] = [];
  /** Changes that were refused and should not have been. */
  readonly problems: string[] = [];
  unanswered = 0;
  made = 0;
  readonly #random: () => number;
  readonly #perSecond: number;
  readonly #groups: TurningGroup[] = [];
  /** Key: person. Value: all of its devices. */
  readonly #people = new Map<string, Person[]>();
  #timer: NodeJS.Timeout | undefined;
  #gaveUp = false;

  private constructor(people: readonly Person[], { random, perSecond }: TurnoverOptions) {
    this.#random = random;
    this.#perSecond = perSecond;
    for (const person of people)
      this.#people.set(person.name, [...(this.#people.get(person.name) ?? []), person]);
  }

  /** Creates the groups. The people own them in rotation. */
  static async begin(people: readonly Person[], options: TurnoverOptions): Promise<Turnover> {
    const turnover = new Turnover(people, options);
    for (const size of options.sizes) await turnover.#found(size, options.lanes);
    return turnover;
  }

  get journal(): Journal {
    return { person: this.name, device: '', stayed: false, entries: this.entries };
  }

  /** Number of mutes. */
  get mutes(): number {
    return this.entries.filter((entry) => entry.did === 'changed' && entry.change.op === 'mute').length;
  }

  forget(): void {
    this.entries.length = 0;
  }

  start(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#changeOne(), 1_000 / this.#perSecond);
  }

  /** Stops. Changes under way go on until they are answered (`unanswered`). */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Gives up the changes under way. */
  giveUp(): void {
    this.stop();
    this.#gaveUp = true;
  }

  async #found(size: number, lanes: Lanes): Promise<void> {
    const n = this.#groups.length;
    const names = [...this.#people.keys()];
    const those = Array.from(
      { length: Math.min(size, names.length) },
      (_, i) => names[(n + i) % names.length],
    );
    const [first = '', ...others] = those.flatMap((name) => name ?? []);
    const owner = this.#people.get(first)?.[0];
    if (owner === undefined) throw new Error('there is nobody to found a group');
    const lane = groupLane(n);
    const users = others.map((name) => this.#people.get(name)?.[0]?.id ?? 0);
    const { id } = await owner.client.groups.create({ name: lane, join: 'open', users });
    lanes.set(`g${id}`, lane);
    const at = performance.now();
    for (const person of [first, ...others]) {
      const change: Change = { group: lane, op: 'in', person };
      this.entries.push({ did: 'asked-change', change, at }, { did: 'changed', change, at });
      this.#know(lane, id, person, false);
    }
    const members = new Map(others.map((name) => [name, false]));
    this.#groups.push({ lane, id, owner, members, busy: false });
  }

  #know(lane: string, id: string, person: string, out: boolean): void {
    for (const { groups } of this.#people.get(person) ?? []) groups.set(lane, { id, out });
  }

  #changeOne(): void {
    const group = this.#groups[below(this.#random, this.#groups.length)];
    if (group === undefined || group.busy) return;
    const inside = [...group.members.keys()];
    const outside = [...this.#people.keys()].filter(
      (name) => name !== group.owner.name && !group.members.has(name),
    );
    const kind = below(this.#random, 6);
    const person = this.#any(kind < 3 ? outside : inside) ?? this.#any(inside) ?? this.#any(outside);
    if (person === undefined) return;
    const [self] = this.#people.get(person) ?? [];
    if (self === undefined) return;
    const muted = group.members.get(person);
    if (muted === undefined) {
      const joins = kind % 2 === 0;
      void this.#carryOut(group, { group: group.lane, op: 'in', person }, () =>
        joins ? self.client.groups.join(group.id) : group.owner.client.groups.add(group.id, [self.id]),
      );
    } else if (kind === 5 || muted) {
      const op = muted ? 'unmute' : 'mute';
      void this.#carryOut(group, { group: group.lane, op, person }, () =>
        group.owner.client.groups.mute(group.id, self.id, !muted),
      );
    } else {
      const leaves = kind % 2 === 0;
      void this.#carryOut(group, { group: group.lane, op: 'out', person }, () =>
        leaves ? self.client.groups.leave(group.id) : group.owner.client.groups.remove(group.id, self.id),
      );
    }
  }

  #any(names: readonly string[]): string | undefined {
    return names[below(this.#random, names.length)];
  }

  async #carryOut(group: TurningGroup, change: Change, ask: () => Promise<unknown>): Promise<void> {
    const { op, person } = change;
    group.busy = true;
    this.unanswered++;
    this.entries.push({ did: 'asked-change', change, at: performance.now() });
    const problem = await this.#untilDone(ask);
    if (this.#gaveUp) return;
    if (problem !== undefined) this.problems.push(`${op} ${person} in ${group.lane}: ${problem}`);
    this.entries.push({ did: 'changed', change, at: performance.now() });
    if (op === 'in' || op === 'out') this.#know(group.lane, group.id, person, op === 'out');
    if (op === 'out') group.members.delete(person);
    else group.members.set(person, op === 'mute');
    this.made++;
    this.unanswered--;
    group.busy = false;
  }

  /** Answers why the first try was refused, if it was. */
  async #untilDone(ask: () => Promise<unknown>): Promise<string | undefined> {
    let refusals = 0;
    for (let tries = 1; !this.#gaveUp; tries++) {
      try {
        await ask();
        return undefined;
      } catch (error) {
        const refused = refusalOf(error)?.retryable === false;
        if (refused && ++refusals === REFUSED_TIMES) return refusals === tries ? String(error) : undefined;
        if (!refused) refusals = 0;
      }
      await sleep(AGAIN_MS);
    }
    return undefined;
  }
}
