/**
 * Slowloris: connections that send a few bytes again and again, so that they are never idle and never
 * finished.
 */
import { connect } from 'node:net';
import { until } from '@cim/testkit';
import type { Target } from './target.ts';

const BYTE_MS = 400;

/** One way to hold a connection of one port. */
export interface Drip {
  readonly name: string;
  readonly port: number;
  /** Sent at once. */
  readonly first: string | Uint8Array;
  /** Sent again and again. */
  readonly byte: string | Uint8Array;
  /** The server must have closed the connection within this time [ms]. */
  readonly withinMs: number;
}

const portOf = (url: string): number => Number(new URL(url).port);

/** All doors of the server. */
export function drips({ server }: Target): readonly Drip[] {
  const { tcpPort, httpPort, routeUrl, routeInternalUrl } = server;
  const handshake = Buffer.from([0x16, 3, 1, 2, 0]);
  const http = (name: string, port: number, path: string): Drip[] => [
    {
      ...{ name: `HTTP headers, ${name}`, port, withinMs: 11_000 },
      ...{ first: `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX: `, byte: 'x' },
    },
    {
      ...{ name: `HTTP body, ${name}`, port, withinMs: 21_000 },
      first: `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
      byte: ' ',
    },
    { name: `TLS handshake, ${name}`, port, first: handshake, byte: 'x', withinMs: 11_000 },
  ];
  return [
    // 5 s for the first bytes, and 5 s more for the login.
    { name: 'TCP', port: tcpPort, first: Buffer.from([200, 1]), byte: Buffer.of(0), withinMs: 10_500 },
    {
      ...{ name: 'WebSocket handshake', port: tcpPort, byte: 'x', withinMs: 5_500 },
      first: 'GET /cim HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ',
    },
    { name: 'TLS handshake', port: tcpPort, first: handshake, byte: 'x', withinMs: 5_500 },
    ...http('route', portOf(routeUrl), '/login'),
    ...http('internal port of the route', portOf(routeInternalUrl), '/admin/bans'),
    ...http('internal port of the im-server', httpPort, '/sendMsg'),
  ];
}

/**
 * Holds this many connections until the server has closed all. Answers the longest life of one of them [ms].
 */
export async function dripping(
  drip: Drip,
  localAddress: string,
  count: number,
  slackMs: number,
): Promise<number> {
  let longest = 0;
  let open = count;
  const begun = performance.now();
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port: drip.port, host: '127.0.0.1', localAddress });
    socket.write(drip.first);
    socket.resume();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open--;
      longest = Math.max(longest, performance.now() - begun);
    });
    return socket;
  });
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write(drip.byte);
  }, BYTE_MS);
  try {
    await until(`${drip.name}: the server closes all ${count}`, () => open === 0, drip.withinMs + slackMs);
  } finally {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  }
  return longest;
}
