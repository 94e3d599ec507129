import type { Address, Connection, Transport } from '../transport.ts';
import { tcp, tcpWithTls } from './tcp.ts';
import { type TlsOptions, trustOf } from './trust.ts';
import { NodeWebSocket } from './web-socket.ts';

export interface ServerTransportOptions extends TlsOptions {
  /** Plain text is refused unless `allowPlainText` says otherwise. */
  readonly expectsTls: boolean;
}

/**
 * Connections to im-servers as the route names them: TCP, TCP with TLS, or WebSockets where CIM_ADVERTISE_URL is one of theirs. What
 * the route has named is taken or refused; nothing else is tried.
 */
export function serverTransport(
  { expectsTls, allowPlainText = false }: ServerTransportOptions,
  trust: ReturnType<typeof trustOf>,
): Transport {
  const [plain, secure] = [tcp(), tcpWithTls(trust)];
  return (address, events): Connection => {
    const { protocol } =
      address.url === undefined ? { protocol: address.tls === true ? 'tls:' : 'tcp:' } : new URL(address.url);
    const speaksTls = protocol === 'tls:' || protocol === 'wss:';
    if (expectsTls && !speaksTls && !allowPlainText) return refuse(address, events);
    if (protocol === 'ws:' || protocol === 'wss:') return new NodeWebSocket(address.url ?? '', trust, events);
    return (speaksTls ? secure : plain)(address, events);
  };
}

/** Nothing is sent. */
function refuse({ host, port, url }: Address, events: Parameters<Transport>[1]): Connection {
  const text = `the route speaks TLS and names an im-server that does not (${url ?? `${host}:${port}`}), so nothing was sent to it: give it a certificate (CIM_TLS_CERT, CIM_TLS_KEY) or an address with TLS (CIM_ADVERTISE_URL), or allow plain text by name (tls.allowPlainText of the SDK, --insecure of the terminal)`;
  setImmediate(() => events.onClose(text, 'tls-mismatch'));
  return { send: () => false, close: () => undefined };
}
