import type { Backoff } from '@cim/runtime';
import type { Client } from 'node-zookeeper-client';
import { MendedClient } from '../src/zookeeper-client.ts';

/** A ZooKeeper session beside the one under test, to plant nodes with. */
export class RawClient {
  readonly #mended: MendedClient;

  private constructor(mended: MendedClient) {
    this.#mended = mended;
  }

  static async connect(port: number, sessionTimeoutMs: number, backoff: Backoff): Promise<RawClient> {
    return new Promise((resolve) => {
      const mended = new MendedClient([{ host: '127.0.0.1', port }], sessionTimeoutMs, backoff, {
        connected: () => resolve(new RawClient(mended)),
        disconnected: () => undefined,
        expired: () => undefined,
        authFailed: () => undefined,
        attemptFailed: () => undefined,
      });
      mended.connect();
    });
  }

  do<T>(run: (client: Client, done: (error: unknown, value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      run(this.#mended.client, (error, value) => {
        if (error === null || error === undefined) resolve(value);
        else reject(error instanceof Error ? error : new Error('ZooKeeper refused'));
      });
    });
  }

  /** As after kill -9: the server learns of it by the session timeout. */
  [Symbol.dispose](): void {
    this.#mended.dispose();
  }
}
