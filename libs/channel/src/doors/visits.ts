/** What a door lets in at once. A stranger is a connection that has not logged in. */
export interface DoorLimits {
  readonly connections: number;
  readonly strangers: number;
  readonly strangersOfAddress: number;
}

/** The limit that a connection would have passed; `proxy-header`: a trusted proxy has written a header that nobody can read. */
export const DOOR_LIMITS = ['connections', 'strangers', 'strangers-of-address', 'proxy-header'] as const;
export type DoorLimit = (typeof DOOR_LIMITS)[number];

/** Enough for a few clients on a machine that allows very few files. */
const LEAST_STRANGERS = 256;

/**
 * A tenth of all connections may be strangers, and one address may hold half of these: its other half stays open for
 * everybody else, and users who are logged in lose nothing.
 */
export function doorLimitsFor(connections: number): DoorLimits {
  const strangers = Math.min(connections, Math.max(LEAST_STRANGERS, Math.floor(connections / 10)));
  return { connections, strangers, strangersOfAddress: Math.ceil(strangers / 2) };
}

/** Counts the connections of a door. */
export class Visits {
  readonly #limits: DoorLimits;
  /** Strangers by address. An address leaves with its last stranger. */
  readonly #byAddress = new Map<string, number>();
  #connections = 0;
  #strangers = 0;

  constructor(limits: DoorLimits) {
    this.#limits = limits;
  }

  get connections(): number {
    return this.#connections;
  }

  get strangers(): number {
    return this.#strangers;
  }

  /**
   * The visit of one more stranger, or the limit that refuses it.
   * @param address undefined while only the proxy is known that it came through: `Visit.cameFrom` tells it later
   */
  enter(address: string | undefined): Visit | DoorLimit {
    const { connections, strangers } = this.#limits;
    if (this.#connections >= connections) return 'connections';
    if (this.#strangers >= strangers) return 'strangers';
    if (address !== undefined && !this.countAt(address)) return 'strangers-of-address';
    this.#connections++;
    this.#strangers++;
    return new Visit(this, address);
  }

  /** Counts a stranger at its address; false when there are too many of them. */
  countAt(address: string): boolean {
    const there = this.#byAddress.get(address) ?? 0;
    if (there >= this.#limits.strangersOfAddress) return false;
    this.#byAddress.set(address, there + 1);
    return true;
  }

  known(address: string | undefined): void {
    this.#strangers--;
    if (address === undefined) return;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }

  left(): void {
    this.#connections--;
  }
}

/** One connection, from the door's point of view. */
export class Visit {
  readonly #visits: Visits;
  /** Where it is counted; undefined while that is not known. */
  #address: string | undefined;
  #isStranger = true;
  #ended = false;

  constructor(visits: Visits, address: string | undefined) {
    this.#visits = visits;
    this.#address = address;
  }

  /** The address is known now; false when it has too many strangers already. Only the first call counts. */
  cameFrom(address: string): boolean {
    if (!this.#isStranger || this.#address !== undefined) return true;
    if (!this.#visits.countAt(address)) return false;
    this.#address = address;
    return true;
  }

  /** The connection has logged in: it is no stranger any more. Idempotent. */
  loggedIn(): void {
    if (!this.#isStranger) return;
    this.#isStranger = false;
    this.#visits.known(this.#address);
  }

  /** The connection is gone. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.loggedIn();
    this.#visits.left();
  }
}
