/** Bounds the connections of an HTTP server: by address, in the time that a request may take to come in, and while files or memory run low. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Supplies, Supply } from './exhaustion.ts';
import { LIMITS, type LimitValues } from './limits.ts';
import { plainAnswer } from './plain-answer.ts';

/** A request that has not come in whole by then is given up [ms]. */
const REQUEST_MS = 20_000;
/** Its headers; and a connection that says nothing at all [ms]. */
const HEADERS_MS = 10_000;
/** Node looks so often for those that are late [ms]. Its default is 30 s, by which they would outlast their time. */
const LOOK_MS = 1_000;

/** While files or memory run low. */
const LOW_IDLE_MS = 1_000;
const SCARCE_HEADERS_MS = 2_000;
const SCARCE_REQUEST_MS = 10_000;

/** For `http.createServer`, and by `fastify({ http })`. */
export const HTTP_TIMES = {
  requestTimeout: REQUEST_MS,
  headersTimeout: HEADERS_MS,
  connectionsCheckingInterval: LOOK_MS,
};

const TOO_MANY = plainAnswer(
  '429 Too Many Requests',
  `too many ${LIMITS.httpConnections.what} (limit httpConnections); use fewer, or come again later`,
  { 'Retry-After': '10' },
);

export interface HttpBounds {
  readonly limits: Pick<LimitValues, 'httpConnections'>;
  /** Connections that the process can hold. One address gets half of these at most. */
  readonly maxConnections: number;
  /** What counts as one address; undefined: one without limits. */
  readonly groupOf: (ip: string) => string | undefined;
  readonly supplies: Supplies;
  /** One more connection of the address would have been too many. */
  readonly onRefused: (ip: string) => void;
}

/**
 * From now on the bounds hold for each connection that the server accepts.
 * @param server not listening yet; what puts TLS in front of it has done so
 */
export function boundHttp(server: Server, bounds: HttpBounds): void {
  boundByAddress(server, bounds);
  shortenIdle(server, bounds.supplies);
}

function boundByAddress(server: Server, { limits, maxConnections, groupOf, onRefused }: HttpBounds): void {
  const most = Math.min(limits.httpConnections, Math.ceil(maxConnections / 2));
  /** Open connections by address. An address leaves with its last one. */
  const open = new Map<string, number>();
  const take = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const ip = socket.remoteAddress ?? '';
    const address = groupOf(ip);
    if (address !== undefined) {
      const there = open.get(address) ?? 0;
      if (there >= most) {
        onRefused(ip);
        refuse(socket);
        return;
      }
      open.set(address, there + 1);
      socket.once('close', () => {
        const left = (open.get(address) ?? 1) - 1;
        if (left === 0) open.delete(address);
        else open.set(address, left);
      });
    }
    for (const listener of take) listener.call(server, socket);
  });
}

/** A client of TLS cannot read it, and sees the connection end. */
function refuse(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.write(TOO_MANY);
  socket.destroySoon();
}

/** While something runs low, a connection is kept for a second after its last answer, and headers must come faster. */
function shortenIdle(server: Server, supplies: Supplies): void {
  const { keepAliveTimeout, headersTimeout, requestTimeout } = server;
  /** Connections that have asked something, with the number of requests that are not answered. Each leaves with its end. */
  const underWay = new Map<Socket, number>();
  function onClose(this: Socket): void {
    underWay.delete(this);
  }
  function onAnswered(this: ServerResponse): void {
    const { socket } = this.req;
    const requests = underWay.get(socket);
    if (requests !== undefined) underWay.set(socket, requests - 1);
  }
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const requests = underWay.get(socket);
    if (requests === undefined) socket.once('close', onClose);
    underWay.set(socket, (requests ?? 0) + 1);
    response.once('close', onAnswered);
  });
  const apply = (supply: Supply): void => {
    server.keepAliveTimeout =
      supply === 'enough' ? keepAliveTimeout : Math.min(LOW_IDLE_MS, keepAliveTimeout);
    server.headersTimeout = supply === 'scarce' ? SCARCE_HEADERS_MS : headersTimeout;
    server.requestTimeout = supply === 'scarce' ? SCARCE_REQUEST_MS : requestTimeout;
    if (supply === 'enough') return;
    // Node ends a connection whose time is up, and sets another time with its next request.
    for (const [socket, requests] of underWay) if (requests === 0) socket.setTimeout(LOW_IDLE_MS);
  };
  supplies.onSupply(apply);
  apply(supplies.supply);
}
