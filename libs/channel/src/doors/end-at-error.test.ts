/** Clients of a WebSocket (`ws`) that send more bytes behind a frame that is not valid. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { endAtError } from './end-at-error.ts';

/** A frame as a client sends it, masked with zeros. */
const frame = (opcode: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
const PING = frame(9, Buffer.alloc(0));
const NOT_VALID = {
  'a text that is not UTF-8': frame(1, Buffer.from([0xff])),
  'a close with a code that means nothing': frame(8, Buffer.from([0, 1])),
};

for (const [what, bad] of Object.entries(NOT_VALID))
  test(`${what} ends the connection, and what waits behind it is not read`, async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const sockets = new WebSocketServer({ server, perMessageDeflate: false, allowSynchronousEvents: false });
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      client.terminate();
      sockets.close();
      server.close();
    });
    client.on('error', () => undefined);
    const [accepted] = (await once(sockets, 'connection')) as [WebSocket];
    endAtError(accepted);
    const failed = once(accepted, 'error');
    const closed = new Promise((resolve) => accepted.once('close', resolve));
    // The pieces wait as they do while the first of them is being read.
    const { _receiver: receiver } = accepted as unknown as { readonly _receiver: Writable };
    receiver.cork();
    for (const piece of [PING, bad, frame(2, Buffer.from('more')), frame(2, Buffer.from('and more'))])
      receiver.write(piece);
    receiver.uncork();
    const [error] = (await failed) as [Error];
    assert.match(error.message, /^Invalid WebSocket frame: /);
    accepted.terminate();
    await closed;
  });
