import type { Supplies } from '@cim/runtime';

/** Limits of the connections that a door holds at once. A stranger is a connection that has not logged in. */
export interface DoorLimits {
  readonly connections: number;
  readonly strangers: number;
  readonly strangersOfAddress: number;
}

/** Limits for one address. */
export interface AddressLimits {
  /** Most connections of one address at once. */
  readonly connections: number;
  /** For how long an address is still suspended [ms]; 0: it is not suspended. */
  readonly suspendedMs: (address: string) => number;
  /** Counts a new connection of the address. Answers 0, or in how many ms the address may connect again. */
  readonly arrive: (address: string) => number;
  /** The group that an address is counted in; undefined for an address without limits. */
  readonly groupOf: (ip: string) => string | undefined;
}

/**
 * Why a connection was closed at once: the limit that it exceeded, or what it sent. `proxy-header`: a trusted
 * proxy sent a header that is not valid. `plain`: it is plain where only TLS is allowed. `scarce`:
 * files or memory run low, and strangers are refused first. `http-of-address`: too many HTTP connections of
 * one address, at any HTTP port.
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
  'scarce',
  'http-of-address',
] as const;
export type DoorLimit = (typeof DOOR_LIMITS)[number];

/** Least number of strangers, for a machine that allows very few open files. */
const LEAST_STRANGERS = 256;

/**
 * Most strangers while files or memory are scarce: enough for users who come back to show their tickets, and
 * a quarter of the connections that are left at most. One address may hold half of them.
 */
const scarceStrangers = ({ connections, strangers }: DoorLimits): number =>
  Math.min(Math.ceil(strangers / 8), Math.max(8, Math.floor(connections / 40)));
/** A stranger who is refused while files or memory are scarce may come again after this time [ms]. */
const SCARCE_AFTER_MS = 5_000;
/** Time of a stranger while files or memory are scarce [ms]: four round trips of a slow network. */
const SCARCE_STRANGER_MS = 2_000;

/** How long a stranger may take. @param ms while there is enough */
export const strangerMs = (ms: number, { supply }: Pick<Supplies, 'supply'>): number =>
  supply === 'scarce' ? Math.min(ms, SCARCE_STRANGER_MS) : ms;

/**
 * Computes the limits. A tenth of all connections may be strangers, and one address may hold half of these:
 * the other half stays open for all other addresses, and users who are logged in lose nothing.
 */
export function doorLimitsFor(connections: number): DoorLimits {
  const strangers = Math.min(connections, Math.max(LEAST_STRANGERS, Math.floor(connections / 10)));
  return { connections, strangers, strangersOfAddress: Math.ceil(strangers / 2) };
}

/** Why the door refuses a connection, and in how many ms it may come again; 0: not known. */
export interface Refusal {
  readonly limit: DoorLimit;
  readonly afterMs: number;
}

const refusal = (limit: DoorLimit, afterMs = 0): Refusal => ({ limit, afterMs });

/** Counts the connections of a door against its limits. */
export class Visits {
  readonly #limits: DoorLimits;
  readonly #address: AddressLimits;
  readonly #supplies: Pick<Supplies, 'supply'>;
  readonly #scarceStrangers: number;
  /**
   * Key: address group. Value: its connections, and the strangers among them. An address is removed with its
   * last connection.
   */
  readonly #byAddress = new Map<string, { connections: number; strangers: number }>();
  #connections = 0;
  #strangers = 0;

  constructor(
    limits: DoorLimits,
    address: AddressLimits,
    supplies: Pick<Supplies, 'supply'> = { supply: 'enough' },
  ) {
    this.#limits = limits;
    this.#address = address;
    this.#supplies = supplies;
    this.#scarceStrangers = scarceStrangers(limits);
  }

  get connections(): number {
    return this.#connections;
  }

  get strangers(): number {
    return this.#strangers;
  }

  /**
   * Counts one more stranger. Answers its visit, or why it is refused.
   * @param ip undefined while only the address of its proxy is known; `Visit.cameFrom` names the client later
   */
  enter(ip: string | undefined): Visit | Refusal {
    const { connections, strangers } = this.#limits;
    if (this.#connections >= connections) return refusal('connections');
    if (this.#strangers >= strangers) return refusal('strangers');
    if (this.#isScarce && this.#strangers >= this.#scarceStrangers) return refusal('scarce', SCARCE_AFTER_MS);
    const visit = new Visit(this);
    const refused = ip === undefined ? undefined : visit.cameFrom(ip);
    if (refused !== undefined) return refused;
    this.#connections++;
    this.#strangers++;
    return visit;
  }

  /** Counts a stranger at its address. Answers the group that it is counted in, or why it is refused. */
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
      if (this.#isScarce && there.strangers >= Math.ceil(this.#scarceStrangers / 2))
        return refusal('scarce', SCARCE_AFTER_MS);
      there.connections++;
      there.strangers++;
    }
    return address;
  }

  get #isScarce(): boolean {
    return this.#supplies.supply === 'scarce';
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

/** One connection as the door counts it. */
export class Visit {
  readonly #visits: Visits;
  /**
   * The group that it is counted in. Undefined while the address is not known, and for an address without
   * limits.
   */
  #address: string | undefined;
  #isLocated = false;
  #isStranger = true;
  #ended = false;

  constructor(visits: Visits) {
    this.#visits = visits;
  }

  /**
   * Names the client's address. Answers why the connection is refused for it, if it is. Only the first call
   * counts.
   */
  cameFrom(ip: string): Refusal | undefined {
    if (!this.#isStranger || this.#isLocated) return undefined;
    const counted = this.#visits.countAt(ip);
    if (typeof counted === 'object') return counted;
    this.#isLocated = true;
    this.#address = counted;
    return undefined;
  }

  /** The connection has logged in and is no longer a stranger. Idempotent. */
  loggedIn(): void {
    if (!this.#isStranger) return;
    this.#isStranger = false;
    this.#visits.known(this.#address);
  }

  /** The connection has ended. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.loggedIn();
    this.#visits.left(this.#address);
  }
}
