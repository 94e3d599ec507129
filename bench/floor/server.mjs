// The bare server that a run is compared with. It uses node:net and node:http, with no code of ours, no
// framing and no promise. argv[2] is JSON: { mode: 'forward' | 'store' | 'broadcast' | 'hold' | 'push',
// redis, backlog, bytes }. The server sends its ports to its parent process.
// - forward: bytes from connection 2n go to 2n + 1, and back to where they came from.
// - store: the same, after the bytes are in a stream of Redis. Each chunk is one XADD; those of a turn are
// one write.
// - broadcast: bytes from connection 0 go to all.
// - push: each connection gets a backlog of texts.
// - hold: connections stay open and get nothing more.
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const { mode, redis: redisUrl = '', backlog = 0, bytes = 64 } = JSON.parse(process.argv[2] ?? '{}');
/** Frame { welcome: {} } */
const WELCOME = Buffer.from([0x03, 0x8a, 0x01, 0x00]);
const HELLO_BYTES = 8;
/** Key: the number that a connection has sent first. */
const sockets = new Map();
const INDEX = Symbol('index');
/** Loaded in the mode `store` only, since it slows the whole process. */
const redis = mode === 'store' ? new (await import('ioredis')).Redis(redisUrl) : undefined;
let corked = false;

const hex = (value, digits) => value.toString(16).padStart(digits, '0');
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, value >> 7]);

/** Frame { text }, with its length. */
function textFrame(text) {
  const body = [0x0a, ...varint(text.length)];
  return Buffer.concat([
    Buffer.from([...varint(body.length + text.length), ...body]),
    Buffer.from(text, 'latin1'),
  ]);
}

function hello(socket, chunk) {
  const index = Number.parseInt(chunk.latin1Slice(0, HELLO_BYTES), 16);
  socket[INDEX] = index;
  sockets.set(index, socket);
  socket.write(WELCOME);
  if (mode !== 'push') return;
  const atUs = process.hrtime().reduce((sum, part, i) => sum + (i === 0 ? part * 1e6 : part / 1e3), 0);
  const stamp = hex(Math.round(atUs), 14);
  for (let from = 0; from < backlog; from += 64) {
    const frames = [];
    for (let number = from; number < Math.min(backlog, from + 64); number++)
      frames.push(textFrame((hex(0, 4) + hex(index, 6) + hex(number, 8) + stamp).padEnd(bytes, '.')));
    socket.write(Buffer.concat(frames));
  }
}

function forward(socket, chunk) {
  sockets.get(socket[INDEX] ^ 1)?.write(chunk);
  socket.write(chunk);
}

function store(socket, chunk) {
  if (!corked) {
    corked = true;
    redis.stream.cork();
    setImmediate(uncork);
  }
  redis.xadd(`bare:${socket[INDEX] ^ 1}`, '*', 'text', chunk).then(() => forward(socket, chunk));
}

function uncork() {
  corked = false;
  redis.stream.uncork();
}

function onData(chunk) {
  const index = this[INDEX];
  if (index === undefined) return hello(this, chunk);
  if (mode === 'forward') forward(this, chunk);
  else if (mode === 'store') store(this, chunk);
  else if (mode === 'broadcast') for (const socket of sockets.values()) socket.write(chunk);
}

function onClose() {
  sockets.delete(this[INDEX]);
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', onData);
  socket.on('error', onClose);
  socket.on('close', onClose);
});
const http = createHttpServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text) => (body += text));
  request.on('end', () => {
    const { receiveUserId, msg } = JSON.parse(body);
    if (msg !== undefined) sockets.get(receiveUserId)?.write(textFrame(msg));
    const answer = JSON.stringify({ code: '9000', message: 'Success', reqNo: null, dataBody: null });
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Content-Length', Buffer.byteLength(answer));
    response.end(answer);
  });
});
http.keepAliveTimeout = 60_000;
if (redis !== undefined) await new Promise((resolve) => redis.once('ready', resolve));
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  http.listen(0, '127.0.0.1', () =>
    process.send?.({ port: server.address().port, httpPort: http.address().port }),
  ),
);
process.on('disconnect', () => process.exit(0));
process.on('SIGINT', () => undefined);
