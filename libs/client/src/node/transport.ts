import type { Address, Connection, Transport } from '../transport.ts';
import { tcp, tcpWithTls } from './tcp.ts';
import type { trustOf } from './trust.ts';
import { NodeWebSocket } from './web-socket.ts';

/**
 * Connects to im-servers as the route says: by TCP, TCP with TLS, or WebSockets when CIM_ADVERTISE_URL is a
 * WebSocket URL. It tries nothing else.
 */
export function serverTransport(trust: ReturnType<typeof trustOf>): Transport {
  const [plain, secure] = [tcp(), tcpWithTls(trust)];
  return (address, events): Connection => {
    const protocol = protocolOf(address);
    if (protocol === 'ws:' || protocol === 'wss:') return new NodeWebSocket(address.url ?? '', trust, events);
    return (protocol === 'tls:' ? secure : plain)(address, events);
  };
}

/**
 * The same behind a route that speaks TLS: an im-server without TLS is refused, whatever transport could
 * connect to it.
 */
export function withoutPlainText(transport: Transport): Transport {
  return (address, events) =>
    ['tls:', 'wss:'].includes(protocolOf(address)) ? transport(address, events) : refuse(address, events);
}

const protocolOf = ({ url, tls }: Address): string =>
  url === undefined ? (tls === true ? 'tls:' : 'tcp:') : new URL(url).protocol;

/** Refuses a connection; nothing is sent. */
function refuse({ host, port, url }: Address, events: Parameters<Transport>[1]): Connection {
  const text = `the route speaks TLS and names an im-server that does not (${url ?? `${host}:${port}`}), so nothing was sent to it: give it a certificate (CIM_TLS_CERT, CIM_TLS_KEY) or an address with TLS (CIM_ADVERTISE_URL), or allow plain text by name (tls.allowPlainText of the SDK, --insecure of the terminal)`;
  setImmediate(() => events.onClose(text, 'tls-mismatch'));
  return { send: () => false, close: () => undefined };
}
