import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { HttpPool } from './http-pool.ts';

async function serve(listener: RequestListener): Promise<Server & { url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

test('an answer in chunks without a Content-Length, as CIM sends it, is read', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json;charset=UTF-8' });
    response.write('{"code":"9000","message":"Success",');
    setImmediate(() => response.end('"reqNo":null,"dataBody":{"userId":17}}'));
  });
  const pool = new HttpPool(server.url, 1);
  assert.deepEqual(await pool.call(0, '/registerAccount', { userName: 'a' }), { userId: 17 });
  pool.end();
  server.close();
});

test('the next request of a lane is sent only after the answer to the one before', async () => {
  let [open, most] = [0, 0];
  const server = await serve((_, response) => {
    most = Math.max(most, ++open);
    setImmediate(() => {
      open--;
      response.end('{"code":"9000","dataBody":null}');
    });
  });
  const pool = new HttpPool(server.url, 1);
  await Promise.all(Array.from({ length: 20 }, () => pool.call(0, '/p2pRoute', {})));
  assert.equal(most, 1);
  pool.end();
  server.close();
});

test('a request whose connection the route ends has status 0, and the next request goes on', async () => {
  let requests = 0;
  const server = await serve((request, response) => {
    if (++requests === 1) request.socket.destroy();
    else response.end('{"code":"9000","dataBody":"there"}');
  });
  const pool = new HttpPool(server.url, 1);
  await assert.rejects(pool.call(0, '/login', {}), /no answer/);
  assert.equal(await pool.call(0, '/login', {}), 'there');
  pool.end();
  server.close();
});
