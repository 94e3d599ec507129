import { ClientCore } from '../client.ts';
import type { CimClientOptions } from '../client-options.ts';
import type { Transport } from '../transport.ts';
import { tcp } from './tcp.ts';

/** How a client on Node is made. */
export interface NodeClientOptions extends CimClientOptions {
  /** Default: TCP. */
  readonly transport?: Transport;
}

/**
 * A user of a CIM cluster, for programs on Node.
 *
 * ```ts
 * const client = new CimClient({ routeUrl: 'http://127.0.0.1:8083', userName: 'alice', state: fileState('alice.json') });
 * client.on('message', ({ from, texts }) => console.log(from.userName, texts));
 * await client.connect();
 * const answer = await client.send({ group: 'lobby' }, ['hello']);
 * ```
 */
export class CimClient extends ClientCore {
  /** @throws {CimError} when `routeUrl` is none */
  constructor(options: NodeClientOptions) {
    super({ transport: tcp(), ...options });
  }
}
