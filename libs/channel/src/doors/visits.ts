/** What a door lets in at once. A stranger is a connection that has not logged in. */
export interface DoorLimits {
  readonly connections: number;
  readonly strangers: number;
  readonly strangersOfAddress: number;
}

/** The limit that a connection would have passed. */
export const DOOR_LIMITS = ['connections', 'strangers', 'strangers-of-address'] as const;
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

  /** The visit of one more stranger, or the limit that refuses it. */
  enter(address: string): Visit | DoorLimit {
    const { connections, strangers, strangersOfAddress } = this.#limits;
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#connections >= connections) return 'connections';
    if (this.#strangers >= strangers) return 'strangers';
    if (ofAddress >= strangersOfAddress) return 'strangers-of-address';
    this.#connections++;
    this.#strangers++;
    this.#byAddress.set(address, ofAddress + 1);
    return new Visit(this, address);
  }

  known(address: string): void {
    this.#strangers--;
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
  /** Undefined once it has logged in or ended. */
  #address: string | undefined;
  #ended = false;

  constructor(visits: Visits, address: string) {
    this.#visits = visits;
    this.#address = address;
  }

  /** The connection has logged in: it is no stranger any more. Idempotent. */
  loggedIn(): void {
    if (this.#address === undefined) return;
    this.#visits.known(this.#address);
    this.#address = undefined;
  }

  /** The connection is gone. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.loggedIn();
    this.#visits.left();
  }
}
