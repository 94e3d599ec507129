import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { until } from '@cim/testkit';
import type { Supplies, Supply } from './exhaustion.ts';
import { boundHttp, HTTP_TIMES } from './http-connections.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

class Changing implements Supplies {
  supply: Supply = 'enough';
  readonly #changed: ((supply: Supply) => void)[] = [];

  onSupply(changed: (supply: Supply) => void): void {
    this.#changed.push(changed);
  }

  becomes(supply: Supply): void {
    this.supply = supply;
    for (const changed of this.#changed) changed(supply);
  }
}

/** A client that keeps what it reads. */
interface Client {
  readonly socket: Socket;
  read: string;
  closed: boolean;
}

let server: Server;
let supplies: Changing;
let refused: string[];
let clients: Client[] = [];

async function listen(
  listener: RequestListener,
  { httpConnections = 100, maxConnections = 100, groupOf = (ip: string): string | undefined => ip } = {},
): Promise<void> {
  refused = [];
  clients = [];
  supplies = new Changing();
  server = createServer({ ...HTTP_TIMES, connectionsCheckingInterval: 20 }, listener);
  server.keepAliveTimeout = 60_000;
  boundHttp(server, {
    ...{ limits: { httpConnections }, maxConnections, groupOf, supplies },
    onRefused: (ip) => refused.push(ip),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

afterEach(() => {
  for (const { socket } of clients) socket.destroy();
  server.closeAllConnections();
  server.close();
});

async function open(first = ''): Promise<Client> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const client: Client = { socket, read: '', closed: false };
  clients.push(client);
  socket.setEncoding('utf8').on('data', (text: string) => {
    client.read += text;
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    client.closed = true;
  });
  await once(socket, 'connect');
  socket.write(first);
  return client;
}

const answered = async (client: Client): Promise<void> =>
  until('it is answered', () => client.read.endsWith('\r\n0\r\n\r\n'), 5_000);
const answers: RequestListener = (_, response) => {
  response.write('x');
  response.end();
};

/** Counts the requests that it never answers: those of another path than `/`. */
let kept = 0;
const keepsSlow: RequestListener = (request, response) => {
  if (request.url === '/') answers(request, response);
  else kept++;
};
const SLOW = GET.replace('/', '/slow');

test('connections of one address are bounded: one more is answered 429, which names the limit, until one has gone', async () => {
  kept = 0;
  await listen(keepsSlow, { httpConnections: 2 });
  const [first] = [await open(SLOW), await open(SLOW)];
  await until('both are under way', () => kept === 2);
  const third = await open();
  await until('it is closed', () => third.closed);
  assert.match(third.read, /^HTTP\/1\.1 429 .*Retry-After: 10\r\n.*\(limit httpConnections\)/s);
  assert.deepEqual(refused, ['127.0.0.1']);
  first.socket.destroy();
  await until('one is taken again', async () => {
    const next = await open(GET);
    await until('it is answered', () => next.read !== '');
    return next.read.startsWith('HTTP/1.1 200');
  });
});

test('an address at its limit gets one more connection in place of the one that was idle for longest', async () => {
  kept = 0;
  await listen(keepsSlow, { httpConnections: 3 });
  const busy = await open(SLOW);
  await until('it is under way', () => kept === 1);
  const second = await open(GET);
  await answered(second);
  const third = await open(GET);
  await answered(third);
  // Asked again, so that the third is idle for longer.
  second.read = '';
  second.socket.write(GET);
  await answered(second);
  await answered(await open(GET));
  await until('the third has gone', () => third.closed);
  // Two that come at the same moment take the places of two.
  await Promise.all([open(SLOW), open(SLOW)]);
  await until('the second has gone', () => second.closed);
  await until('three are under way', () => kept === 3);
  assert.deepEqual([busy.closed, refused], [false, []]);
  const last = await open(GET);
  await until('none is idle, so that one more is refused', () => last.closed);
  assert.deepEqual(refused, ['127.0.0.1']);
});

test('one address gets half of what the process can hold; an address without limits gets all', async () => {
  await listen(keepsSlow, { maxConnections: 3 });
  for (let n = 0; n < 3; n++) await open(SLOW);
  await until('one is refused', () => refused.length === 1);
  server.closeAllConnections();
  server.close();
  for (const { socket } of clients) socket.destroy();
  await listen(answers, { maxConnections: 3, groupOf: () => undefined });
  for (let n = 0; n < 3; n++) await open(GET);
  await Promise.all(clients.map(answered));
  assert.deepEqual(refused, []);
});

test('while something runs low, idle connections end within seconds, and what is under way is answered', async () => {
  let finish: (() => void) | undefined;
  await listen((request, response) => {
    if (request.url === '/slow') finish = () => answers(request, response);
    else answers(request, response);
  });
  const idle = [await open(GET), await open(GET), await open(GET)];
  await Promise.all(idle.map(answered));
  const busy = await open(GET.replace('/', '/slow'));
  await until('it is under way', () => finish !== undefined);
  supplies.becomes('low');
  await until('the idle ones end', () => idle.every(({ closed }) => closed), 5_000);
  assert.equal(busy.closed, false);
  finish?.();
  await answered(busy);
  await until('it is idle now, and ends too', () => busy.closed, 5_000);

  supplies.becomes('enough');
  assert.equal(server.keepAliveTimeout, 60_000);
});

test('while something is scarce, a connection that says little has 2 s, and 10 s for its whole request', async () => {
  await listen(answers);
  const kept = [server.headersTimeout, server.requestTimeout];
  const [silent, dripping] = [await open(), await open('GET / HTTP/1.1\r\n')];
  supplies.becomes('scarce');
  const begun = performance.now();
  await until('both are cut off', () => silent.closed && dripping.closed, 9_000);
  assert.ok(performance.now() - begun < 8_000);
  assert.match(dripping.read, /^HTTP\/1\.1 408 /);
  assert.equal(server.requestTimeout, 10_000);
  supplies.becomes('low');
  assert.deepEqual([server.headersTimeout, server.requestTimeout], kept);
});
