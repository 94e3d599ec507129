/** What a door lets in at once. A stranger is a connection that has not logged in. */
export interface DoorLimits {
  readonly connections: number;
  readonly strangers: number;
  readonly strangersOfAddress: number;
}

/** What the address of a connection may do. */
export interface AddressLimits {
  /** Connections of one address at once. */
  readonly connections: number;
  /** For how many ms an address is suspended still; 0: it is not. */
  readonly suspendedMs: (address: string) => number;
  /** Answers 0, or after how many ms one more connection of the address may come. */
  readonly arrive: (address: string) => number;
  /** What counts as one address; undefined: one without limits. */
  readonly groupOf: (ip: string) => string | undefined;
}

/**
 * Why a connection was closed at once: the limit that it would have passed, or what it speaks. `proxy-header`: a trusted proxy has written a header that
 * nobody can read. `plain`: it is plain where only TLS is taken.
 */
export const DOOR_LIMITS = [
  'connections',
  'strangers',
  'strangers-of-address',
  'connections-of-address',
  'connect-rate',
  'suspended',
  'proxy-header',
  'plain',
  'tls-handshake',
] as const;
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

/** What the door refuses a connection for, and after how many ms it may come again; 0: nobody can say. */
export interface Refusal {
  readonly limit: DoorLimit;
  readonly afterMs: number;
}

const refusal = (limit: DoorLimit, afterMs = 0): Refusal => ({ limit, afterMs });

/** Counts the connections of a door. */
export class Visits {
  readonly #limits: DoorLimits;
  readonly #address: AddressLimits;
  /** Connections, and the strangers among them, by address. An address leaves with its last connection. */
  readonly #byAddress = new Map<string, { connections: number; strangers: number }>();
  #connections = 0;
  #strangers = 0;

  constructor(limits: DoorLimits, address: AddressLimits) {
    this.#limits = limits;
    this.#address = address;
  }

  get connections(): number {
    return this.#connections;
  }

  get strangers(): number {
    return this.#strangers;
  }

  /**
   * The visit of one more stranger, or what it is refused for.
   * @param ip undefined while only the proxy is known that it came through: `Visit.cameFrom` tells it later
   */
  enter(ip: string | undefined): Visit | Refusal {
    const { connections, strangers } = this.#limits;
    if (this.#connections >= connections) return refusal('connections');
    if (this.#strangers >= strangers) return refusal('strangers');
    const visit = new Visit(this);
    const refused = ip === undefined ? undefined : visit.cameFrom(ip);
    if (refused !== undefined) return refused;
    this.#connections++;
    this.#strangers++;
    return visit;
  }

  /** Counts a stranger at its address. Answers the address that it is counted at, or what it is refused for. */
  countAt(ip: string): string | Refusal | undefined {
    const address = this.#address.groupOf(ip);
    if (address === undefined) return undefined;
    const suspendedMs = this.#address.suspendedMs(address);
    if (suspendedMs > 0) return refusal('suspended', suspendedMs);
    const afterMs = this.#address.arrive(address);
    if (afterMs > 0) return refusal('connect-rate', afterMs);
    const there = this.#byAddress.get(address);
    if (there === undefined) this.#byAddress.set(address, { connections: 1, strangers: 1 });
    else {
      if (there.strangers >= this.#limits.strangersOfAddress) return refusal('strangers-of-address');
      if (there.connections >= this.#address.connections) return refusal('connections-of-address');
      there.connections++;
      there.strangers++;
    }
    return address;
  }

  known(address: string | undefined): void {
    this.#strangers--;
    const there = address === undefined ? undefined : this.#byAddress.get(address);
    if (there !== undefined) there.strangers--;
  }

  left(address: string | undefined): void {
    this.#connections--;
    if (address === undefined) return;
    const there = this.#byAddress.get(address);
    if (there !== undefined && --there.connections === 0) this.#byAddress.delete(address);
  }
}

/** One connection, from the door's point of view. */
export class Visit {
  readonly #visits: Visits;
  /** Where it is counted; undefined while that is not known, and for an address without limits. */
  #address: string | undefined;
  #isLocated = false;
  #isStranger = true;
  #ended = false;

  constructor(visits: Visits) {
    this.#visits = visits;
  }

  /** The address is known now. Answers what it is refused for. Only the first call counts. */
  cameFrom(ip: string): Refusal | undefined {
    if (!this.#isStranger || this.#isLocated) return undefined;
    const counted = this.#visits.countAt(ip);
    if (typeof counted === 'object') return counted;
    this.#isLocated = true;
    this.#address = counted;
    return undefined;
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
    this.#visits.left(this.#address);
  }
}
