import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type LookupFunction,
  type Socket,
} from 'node:net';
import { after, test } from 'node:test';
import { Outcall } from './outcall.ts';
import { newWebhookSecret, signatureHeaders } from './signature.ts';
import { guardedLookup } from './target.ts';

const secrets = [newWebhookSecret()];
const ended: (() => void)[] = [];
after(() => {
  for (const end of ended) end();
});

async function receiver(answer: RequestListener): Promise<{ port: number; connections: Set<Socket> }> {
  const server = createServer(answer);
  const connections = new Set<Socket>();
  server.on('connection', (socket) => connections.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(() => server.close().closeAllConnections());
  return { port: (server.address() as AddressInfo).port, connections };
}

function outcall(options: { allowedHosts?: string[]; lookup?: LookupFunction } = {}): Outcall {
  const made = new Outcall({ allowedHosts: ['127.0.0.1'], agent: 'CIM/test', ...options });
  ended.push(() => made.stop());
  return made;
}
const ask = { body: '{"a":"ü"}', id: 'evt_1', secrets, deadlineMs: 5_000 };

const read = async (request: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
};

test('a call carries its body and a signature of it, and answers what the receiver says', async () => {
  let got: { headers: IncomingMessage['headers']; body: string; method: string | undefined } | undefined;
  const { port } = await receiver((request, response) => {
    void read(request).then((body) => {
      got = { headers: request.headers, body, method: request.method };
      response.writeHead(202, { 'retry-after': '7' }).end('{"ok":true}');
    });
  });
  const answer = await outcall().post({ ...ask, url: `http://127.0.0.1:${port}/hook` });
  assert.ok(answer.outcome === 'answered');
  assert.equal(answer.status, 202);
  assert.equal(answer.retryAfterMs, 7_000);
  assert.equal(answer.body.toString(), '{"ok":true}');
  assert.ok(answer.whole);
  assert.equal(got?.method, 'POST');
  assert.equal(got.body, ask.body);
  assert.equal(got.headers['content-type'], 'application/json');
  assert.equal(got.headers['user-agent'], 'CIM/test');
  const atMs = Number(got.headers['webhook-timestamp']) * 1000;
  assert.ok(Math.abs(Date.now() - atMs) < 60_000);
  const signed = signatureHeaders(secrets, ask.id, atMs, ask.body);
  assert.equal(got.headers['webhook-id'], ask.id);
  assert.equal(got.headers['webhook-signature'], signed['webhook-signature']);
});

test('a redirect is an answer, and is not followed', async () => {
  let asked = 0;
  const { port } = await receiver((_, response) => {
    asked++;
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  const answer = await outcall().post({ ...ask, url: `http://127.0.0.1:${port}/` });
  assert.ok(answer.outcome === 'answered');
  assert.equal(answer.status, 307);
  assert.equal(asked, 1);
});

test('a date in Retry-After is a time from now; other texts count as none', async () => {
  let given = new Date(Date.now() + 90_000).toUTCString();
  const { port } = await receiver((_, response) => response.writeHead(503, { 'retry-after': given }).end());
  const calls = outcall();
  const dated = await calls.post({ ...ask, url: `http://127.0.0.1:${port}/` });
  assert.ok(dated.outcome === 'answered' && dated.retryAfterMs !== undefined);
  assert.ok(dated.retryAfterMs > 80_000 && dated.retryAfterMs <= 90_000);
  given = 'soon';
  const other = await calls.post({ ...ask, url: `http://127.0.0.1:${port}/` });
  assert.ok(other.outcome === 'answered');
  assert.equal(other.retryAfterMs, undefined);
});

test('a receiver that hangs, before the answer or within it, is given up at the deadline', async () => {
  const { port, connections } = await receiver((request, response) => {
    if (request.url === '/begun') response.writeHead(200).write('a');
  });
  const calls = outcall();
  for (const path of ['/', '/begun']) {
    const answer = await calls.post({ ...ask, url: `http://127.0.0.1:${port}${path}`, deadlineMs: 100 });
    assert.ok(answer.outcome === 'failed', path);
    assert.equal(answer.reason, 'deadline', path);
    assert.ok(answer.ms >= 99 && answer.ms < 4_000);
  }
  for (const socket of connections)
    if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
});

test('a call on a connection that had stayed open is made once, however it ends', async () => {
  const asked: string[] = [];
  let arrived = (): void => undefined;
  const { port, connections } = await receiver((request, response) => {
    asked.push(request.url ?? '');
    if (request.url !== '/hangs') return void response.end('ok');
    arrived();
  });
  const calls = outcall();
  const post = (path: string, deadlineMs = 5_000) =>
    calls.post({ ...ask, url: `http://127.0.0.1:${port}${path}`, deadlineMs });
  await post('/first');
  const late = await post('/hangs', 100);
  assert.ok(late.outcome === 'failed');
  assert.equal(late.reason, 'deadline');
  await post('/second');
  assert.equal(connections.size, 2);
  assert.deepEqual(asked, ['/first', '/hangs', '/second']);
  const isThere = new Promise<void>((resolve) => (arrived = resolve));
  const cut = post('/hangs');
  await isThere;
  calls.stop();
  const ended = await cut;
  assert.ok(ended.outcome === 'failed');
  assert.equal(ended.reason, 'connection');
  assert.equal(asked.length, 4);
});

test('a URL is called however its scheme is written', async () => {
  const { port } = await receiver((_, response) => response.end());
  for (const url of [`HTTP://127.0.0.1:${port}/`, ` http://127.0.0.1:${port}/`]) {
    const answer = await outcall().post({ ...ask, url });
    assert.equal(answer.outcome, 'answered', url);
  }
  // The receiver does not speak TLS.
  const answer = await outcall().post({ ...ask, url: `HTTPS://127.0.0.1:${port}/` });
  assert.ok(answer.outcome === 'failed');
  assert.equal(answer.reason, 'connection');
});

test('at most 64 KiB of an answer are read, and its connection ends', async () => {
  const { port, connections } = await receiver((_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (response.write(Buffer.alloc(16_384)));
      response.once('drain', more);
    };
    more();
  });
  const answer = await outcall().post({ ...ask, url: `http://127.0.0.1:${port}/` });
  assert.ok(answer.outcome === 'answered');
  assert.equal(answer.body.length, 65_536);
  assert.ok(!answer.whole);
  const [socket] = connections;
  if (socket?.destroyed === false) await new Promise((resolve) => socket.once('close', resolve));
});

test('an answer that is not HTTP, or ends early, is a failed connection', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('SSH-2.0-none\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const answer = await outcall().post({ ...ask, url });
  assert.ok(answer.outcome === 'failed');
  assert.equal(answer.reason, 'connection');
  const { port } = await receiver((_, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('a');
    setImmediate(() => response.destroy());
  });
  const cut = await outcall().post({ ...ask, url: `http://127.0.0.1:${port}/` });
  assert.ok(cut.outcome === 'failed');
  assert.equal(cut.reason, 'connection');
});

test('when a connection that stayed open was closed meanwhile, a new one replaces it', async () => {
  let asked = 0;
  const { port, connections } = await receiver((request, response) => {
    // The second request comes on the first one's connection.
    if (++asked === 2) request.socket.resetAndDestroy();
    else response.end('ok');
  });
  const calls = outcall();
  for (const expected of [1, 3]) {
    const answer = await calls.post({ ...ask, url: `http://127.0.0.1:${port}/` });
    assert.ok(answer.outcome === 'answered');
    assert.equal(asked, expected);
  }
  assert.equal(connections.size, 2);
});

test('an address inside the network is not called, by number or by name', async () => {
  let asked = 0;
  const { port, connections } = await receiver((_, response) => {
    asked++;
    response.end();
  });
  const byNumber = await outcall({ allowedHosts: [] }).post({ ...ask, url: `https://127.0.0.1:${port}/` });
  assert.ok(byNumber.outcome === 'failed');
  assert.equal(byNumber.reason, 'target');
  const found = ((_name: string, _options: unknown, done: (...of: unknown[]) => void) =>
    done(null, [{ address: '127.0.0.1', family: 4 }])) as never;
  const byName = await outcall({ allowedHosts: [], lookup: guardedLookup([], found) }).post({
    ...ask,
    url: `https://hook.example:${port}/`,
  });
  assert.ok(byName.outcome === 'failed');
  assert.equal(byName.reason, 'target');
  assert.match(byName.text, /hook\.example is 127\.0\.0\.1, which is an address inside the network/);
  assert.equal(connections.size, 0);
  const allowed = outcall({
    allowedHosts: ['hook.example'],
    lookup: guardedLookup(['hook.example'], found),
  });
  const answer = await allowed.post({ ...ask, url: `http://hook.example:${port}/` });
  assert.ok(answer.outcome === 'answered');
  assert.equal(asked, 1);
});
