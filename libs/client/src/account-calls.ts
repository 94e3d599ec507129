import { CimError, CODES, type NamedUser } from '@cim/protocol';
import type { V1Api } from './v1-api.ts';
import { deviceInfoOf, type DeviceInfo, userInfoOf, type UserInfo, userOf } from './v1-shapes.ts';

/** The devices of this user. Each call is one request to the route, and rejects with a `CimError`. */
export class DeviceCalls {
  readonly #v1: V1Api;

  constructor(v1: V1Api) {
    this.#v1 = v1;
  }

  /** All of them, this one too. */
  async list(): Promise<readonly DeviceInfo[]> {
    return this.#v1.listOf(await this.#v1.get('/sessions'), deviceInfoOf);
  }

  /** Logs a device out: its secret opens nothing any more, and its connection is closed. */
  async end(device: string): Promise<void> {
    await this.#v1.call('DELETE', `/sessions/${encodeURIComponent(device)}`);
  }
}

/** Users whose private messages this user does not take. Each call is one request to the route, and rejects with a `CimError`. */
export class BlockCalls {
  readonly #v1: V1Api;

  constructor(v1: V1Api) {
    this.#v1 = v1;
  }

  /** All of them, 1,000 at most. */
  async list(): Promise<readonly NamedUser[]> {
    return this.#v1.listOf(await this.#v1.get('/blocks'), userOf);
  }

  /** Private messages of that user are refused from then on. Messages that are stored stay. In groups it changes nothing, but that user cannot add this one to a group. */
  async add(user: number): Promise<void> {
    await this.#v1.call('PUT', `/blocks/${user}`);
  }

  /** That user may send private messages again. */
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

  /** By the exact name; case is ignored. */
  async byName(name: string): Promise<UserInfo> {
    return this.#v1.oneOf(await this.#v1.get('/users', { name }), userInfoOf);
  }

  /** By the exact name; undefined when there is no such user. */
  async find(name: string): Promise<UserInfo | undefined> {
    try {
      return await this.byName(name);
    } catch (error) {
      if (error instanceof CimError && error.code === CODES.unknownAccount.code) return undefined;
      throw error;
    }
  }

  /** By the id. */
  async byId(id: number): Promise<UserInfo> {
    return this.#v1.oneOf(await this.#v1.get(`/users/${id}`), userInfoOf);
  }
}
