import { ClientCore } from '../client.ts';
import type { CimClientOptions } from '../client-options.ts';
import type { Transport } from '../transport.ts';
import { httpsExchange } from './https.ts';
import { serverTransport, withoutPlainText } from './transport.ts';
import { type TlsOptions, trustOf } from './trust.ts';

/** Options of a client on Node. */
export interface NodeClientOptions extends CimClientOptions {
  /** Absent: as the route says: TCP, TCP with TLS, or a WebSocket. */
  readonly transport?: Transport;
  /**
   * The trusted authorities, for `https://` and im-servers that speak TLS. Absent: the authorities that Node
   * knows.
   */
  readonly tls?: TlsOptions;
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
  /** @throws {CimError} when `routeUrl` is not a URL, or `tls.ca` holds no certificate */
  constructor(options: NodeClientOptions) {
    const { tls = {}, ...rest } = options;
    const trust = trustOf(tls);
    // Parsed as everywhere else: ` https://` with a space before it also means TLS.
    const { routeUrl } = options;
    const expectsTls = URL.canParse(routeUrl) && new URL(routeUrl).protocol === 'https:';
    const { transport = serverTransport(trust) } = rest;
    super({
      ...(expectsTls && { http: httpsExchange(trust) }),
      ...rest,
      transport: expectsTls && tls.allowPlainText !== true ? withoutPlainText(transport) : transport,
    });
  }
}
