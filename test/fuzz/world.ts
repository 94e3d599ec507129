/** What the generators know of the server: the users and messages that they can name. */
import { type Dice } from './dice.ts';

const KEPT = 64;

export interface Account {
  readonly userId: number;
  readonly userName: string;
}

export class World {
  /** The users that hostile channels log in as. */
  readonly hostile: readonly Account[];
  /** The ids of these users and of the healthy pair, to which messages are sent too. */
  readonly userIds: readonly number[];
  readonly groups: readonly string[];
  /** Ids of the newest delivered messages. */
  readonly #ids: string[] = [];

  constructor(hostile: readonly Account[], healthy: readonly number[], groups: readonly string[]) {
    this.hostile = hostile;
    this.userIds = [...hostile.map(({ userId }) => userId), ...healthy];
    this.groups = ['lobby', ...groups];
  }

  saw(id: string): void {
    if (this.#ids.push(id) > KEPT) this.#ids.shift();
  }

  messageId(dice: Dice): string {
    return this.#ids.length > 0 && dice.percent(80)
      ? dice.pick(this.#ids)
      : `${dice.pick(this.userIds)}:aaaaaaaaaaaaaaaa:${dice.between(1, 9)}`;
  }
}
