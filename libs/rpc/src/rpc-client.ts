import type { RpcAddress } from './outcome.ts';
import type { Done } from './pending-calls.ts';
import { type RpcClientParts, RpcLink } from './rpc-link.ts';

const PING_MS = 5_000;

/** Calls to other servers, one lasting connection each. */
export class RpcClient {
  readonly #parts: RpcClientParts;
  /** Key: `host:port`. Made by the first call; removed by `forget`. */
  readonly #links = new Map<string, RpcLink>();
  readonly #pings: NodeJS.Timeout;

  constructor(parts: RpcClientParts) {
    this.#parts = parts;
    this.#pings = setInterval(() => {
      for (const link of this.#links.values()) link.ping();
    }, PING_MS);
    this.#pings.unref();
  }

  /** `done` is called exactly once; when the server is known to be down, at once. */
  call(peer: RpcAddress, method: number, payload: Uint8Array, timeoutMs: number, done: Done): void {
    const key = `${peer.host}:${peer.httpPort}`;
    let link = this.#links.get(key);
    if (link === undefined) this.#links.set(key, (link = new RpcLink(peer, this.#parts)));
    link.call(method, payload, timeoutMs, done);
  }

  /** The server has left the cluster. */
  forget(peer: RpcAddress): void {
    const key = `${peer.host}:${peer.httpPort}`;
    this.#links.get(key)?.stop();
    this.#links.delete(key);
  }

  /** Calls under way end as `closed`. Idempotent. */
  stop(): void {
    clearInterval(this.#pings);
    for (const link of this.#links.values()) link.stop();
    this.#links.clear();
  }
}
