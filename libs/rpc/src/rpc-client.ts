import { ClusterSecret } from '@cim/runtime';
import { RPC_LINK_STATES, type RpcAddress, type RpcClientParts, type RpcLinkState } from './peer.ts';
import type { Done } from './pending-calls.ts';
import { RpcLink } from './rpc-link.ts';

/** Calls to other servers, over one lasting connection each. One per process. */
export class RpcClient {
  readonly #parts: RpcClientParts;
  /** Key: `host port tls`. The first call makes a link. A link that stopped because it was unused is replaced. */
  readonly #links = new Map<string, RpcLink>();
  /** All links with an open connection, also those of servers that have left. A link is removed when its connection is closed. */
  readonly #open = new Set<RpcLink>();
  #stopped: Promise<void> | undefined;

  constructor(parts: RpcClientParts) {
    this.#parts = parts;
    const secret = ClusterSecret.of(parts.secret);
    let current = secret.current;
    secret.onChange(() => {
      if (secret.current !== current) this.#connectAnew();
      current = secret.current;
    });
  }

  /**
   * Calls `done` exactly once and never within this call. The first calls to a server wait for its connection. While the
   * server is known to be down, calls fail at once. Returns true when the call was written to an open connection.
   * @param timeoutMs rounded up to the wheel's tick
   */
  call(peer: RpcAddress, method: number, payload: Uint8Array, timeoutMs: number, done: Done): boolean {
    if (this.#stopped !== undefined) {
      queueMicrotask(() => done({ ok: false, kind: 'down', message: 'this side has stopped' }));
      return false;
    }
    const key = keyOf(peer);
    let link = this.#links.get(key);
    if (link === undefined || link.stopped) this.#links.set(key, (link = this.#newLink(key, peer)));
    return link.call(method, payload, timeoutMs, done);
  }

  /** How many ways to other servers are in each state. */
  links(): Record<RpcLinkState, number> {
    const links = Object.fromEntries(RPC_LINK_STATES.map((state) => [state, 0])) as Record<
      RpcLinkState,
      number
    >;
    for (const link of this.#open) links[link.state]++;
    return links;
  }

  /** Calls that are not answered yet. */
  get pending(): number {
    let pending = 0;
    for (const link of this.#open) pending += link.pending;
    return pending;
  }

  /** Closes the connection to a server that has left the cluster, after its running calls have ended. */
  forget(peer: RpcAddress): void {
    const key = keyOf(peer);
    const link = this.#links.get(key);
    this.#links.delete(key);
    link?.retire();
  }

  /**
   * Runs after a change of the secret. The next call opens a connection with the new secret, before other
   * servers stop accepting the old one.
   */
  #connectAnew(): void {
    const links = [...this.#links.values()];
    this.#links.clear();
    for (const link of links) link.retire();
  }

  /** Ends running calls as `closed`. Resolves when all connections are closed. Idempotent. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #newLink(key: string, { host, httpPort, tls }: RpcAddress): RpcLink {
    const link = new RpcLink({ host, httpPort, ...(tls !== undefined && { tls }) }, this.#parts, () => {
      this.#open.delete(link);
      if (this.#links.get(key) === link) this.#links.delete(key);
    });
    this.#open.add(link);
    return link;
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#open].map((link) => link.stop()));
  }
}

/** A server that comes back with TLS at its old address needs a new connection. */
const keyOf = ({ host, httpPort, tls }: RpcAddress): string => `${host} ${httpPort} ${tls ?? 'plain'}`;
