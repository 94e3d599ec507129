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
  const open = new Map<string, Address>();
  boundByAddress(server, bounds, open);
  const asked = countRequests(server, (ip) => {
    const group = bounds.groupOf(ip);
    return group === undefined ? undefined : open.get(group);
  });
  shortenIdle(server, bounds.supplies, asked);
}

/** The connections of one address. */
interface Address {
  open: number;
  /** Those whose requests are all answered; the one that has been idle for longest comes first. */
  readonly idle: Set<Socket>;
}

/** A connection that has asked something. */
interface Asked {
  /** Number of requests that are not answered. */
  requests: number;
  /** Undefined for an address without limits. */
  readonly address: Address | undefined;
}

/**
 * At its limit, an address gives up the connection that has been idle for longest. Browsers keep several idle ones
 * for minutes, and many people may have one address: none of them is refused for that.
 * @param open key: address group. An address is removed with its last connection
 */
function boundByAddress(
  server: Server,
  { limits, maxConnections, groupOf, onRefused }: HttpBounds,
  open: Map<string, Address>,
): void {
  const most = Math.min(limits.httpConnections, Math.ceil(maxConnections / 2));
  const take = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const ip = socket.remoteAddress ?? '';
    const group = groupOf(ip);
    if (group !== undefined) {
      const address = open.get(group) ?? { open: 0, idle: new Set() };
      if (address.open >= most && !endIdle(address)) {
        onRefused(ip);
        refuse(socket);
        return;
      }
      open.set(group, address);
      address.open++;
      socket.once('close', () => {
        if (--address.open === 0) open.delete(group);
      });
    }
    for (const listener of take) listener.call(server, socket);
  });
}

/** Answers whether there was an idle connection to end. It counts as open until its `close`. */
function endIdle({ idle }: Address): boolean {
  const [longest] = idle;
  if (longest === undefined) return false;
  idle.delete(longest);
  longest.destroy();
  return true;
}

/** A client of TLS cannot read it, and sees the connection end. */
function refuse(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.write(TOO_MANY);
  socket.destroySoon();
}

/** The connections that have asked something. Each leaves with its end. */
function countRequests(
  server: Server,
  addressOf: (ip: string) => Address | undefined,
): ReadonlyMap<Socket, Asked> {
  const all = new Map<Socket, Asked>();
  function onClose(this: Socket): void {
    all.get(this)?.address?.idle.delete(this);
    all.delete(this);
  }
  function onAnswered(this: ServerResponse): void {
    const { socket } = this.req;
    const asked = all.get(socket);
    if (asked !== undefined && --asked.requests === 0) asked.address?.idle.add(socket);
  }
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    let asked = all.get(socket);
    if (asked === undefined) {
      asked = { requests: 0, address: addressOf(socket.remoteAddress ?? '') };
      all.set(socket, asked);
      socket.once('close', onClose);
    }
    asked.requests++;
    asked.address?.idle.delete(socket);
    response.once('close', onAnswered);
  });
  return all;
}

/** While something runs low, a connection is kept for a second after its last answer, and headers must come faster. */
function shortenIdle(server: Server, supplies: Supplies, asked: ReadonlyMap<Socket, Asked>): void {
  const { keepAliveTimeout, headersTimeout, requestTimeout } = server;
  const apply = (supply: Supply): void => {
    server.keepAliveTimeout =
      supply === 'enough' ? keepAliveTimeout : Math.min(LOW_IDLE_MS, keepAliveTimeout);
    server.headersTimeout = supply === 'scarce' ? SCARCE_HEADERS_MS : headersTimeout;
    server.requestTimeout = supply === 'scarce' ? SCARCE_REQUEST_MS : requestTimeout;
    if (supply === 'enough') return;
    // Node ends a connection whose time is up, and sets another time with its next request.
    for (const [socket, { requests }] of asked) if (requests === 0) socket.setTimeout(LOW_IDLE_MS);
  };
  supplies.onSupply(apply);
  apply(supplies.supply);
}
