import { CimError, CODES, type NamedUser } from '@cim/protocol';
import type { V1Api } from './v1-api.ts';
import { deviceInfoOf, type DeviceInfo, userInfoOf, type UserInfo, userOf } from './v1-shapes.ts';

/** The devices of this user. Each call is one request to the route, and rejects with a `CimError`. */
export class DeviceCalls {
  readonly #v1: V1Api;

  constructor(v1: V1Api) {
    this.#v1 = v1;
  }

  /** Lists all devices, this one too. */
  async list(): Promise<readonly DeviceInfo[]> {
    return this.#v1.listOf(await this.#v1.get('/sessions'), deviceInfoOf);
  }

  /** Logs a device out: its secret opens nothing any more, and its connection is closed. */
  async end(device: string): Promise<void> {
    await this.#v1.call('DELETE', `/sessions/${encodeURIComponent(device)}`);
  }
}

/**
 * Users whose private messages this user has blocked. Each call is one request to the route, and rejects with
 * a `CimError`.
 */
export class BlockCalls {
  readonly #v1: V1Api;

  constructor(v1: V1Api) {
    this.#v1 = v1;
  }

  /** Lists all blocked users, 1,000 at most. */
  async list(): Promise<readonly NamedUser[]> {
    return this.#v1.listOf(await this.#v1.get('/blocks'), userOf);
  }

  /**
   * Blocks a user: later private messages of that user are refused, and that user cannot add this one to a
   * group. Stored messages stay, and groups are not affected otherwise.
   */
  async add(user: number): Promise<void> {
    await this.#v1.call('PUT', `/blocks/${user}`);
  }

  /** Unblocks a user. */
  async remove(user: number): Promise<void> {
    await this.#v1.call('DELETE', `/blocks/${user}`);
  }
}

/** Other users. Each call is one request to the route, and rejects with a `CimError`: 9100 when there is no such user. */
export class UserCalls {
  readonly #v1: V1Api;

  constructor(v1: V1Api) {
    this.#v1 = v1;
  }

  /** Finds a user by the exact name, ignoring case. */
  async byName(name: string): Promise<UserInfo> {
    return this.#v1.oneOf(await this.#v1.get('/users', { name }), userInfoOf);
  }

  /** Finds a user by the exact name, ignoring case; undefined when there is none. */
  async find(name: string): Promise<UserInfo | undefined> {
    try {
      return await this.byName(name);
    } catch (error) {
      if (error instanceof CimError && error.code === CODES.unknownAccount.code) return undefined;
      throw error;
    }
  }

  /** Finds a user by id. */
  async byId(id: number): Promise<UserInfo> {
    return this.#v1.oneOf(await this.#v1.get(`/users/${id}`), userInfoOf);
  }
}
