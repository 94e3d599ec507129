import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { UserId } from '@cim/protocol';
import { Gate } from './gate.ts';
import { HttpCaller } from './http-caller.ts';
import { RouteApi } from './route-api.ts';

const routeApi = (url: string, timeoutMs?: number) =>
  new RouteApi(new HttpCaller(url, timeoutMs === undefined ? {} : { timeoutMs }));

test('so many are in at a time, in order; one that fails makes room', async () => {
  const gate = new Gate(2);
  const begun: number[] = [];
  let most = 0;
  let inside = 0;
  const answers = await Promise.allSettled(
    Array.from({ length: 7 }, (_, i) =>
      gate.through(async () => {
        begun.push(i);
        most = Math.max(most, ++inside);
        await turn();
        inside--;
        if (i % 2 === 1) throw new Error(`of ${i}`);
        return i;
      }, 1_000),
    ),
  );
  assert.equal(most, 2);
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(
    answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value : (answer.reason as Error).message,
    ),
    [0, 'of 1', 2, 'of 3', 4, 'of 5', 6],
  );
});

test('thousands who ask a route at once do so over few connections, and all are answered', async (t) => {
  const server = createServer((_, response) => {
    setImmediate(() => response.end('{"code":"9000","dataBody":[]}'));
  });
  let connections = 0;
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answers = await Promise.all(Array.from({ length: 2_000 }, () => routeApi(url).online('')));
  assert.equal(answers.length, 2_000);
  // A connection is free a moment after its answer has arrived.
  assert.ok(connections <= 4 * 64, `${connections} connections`);
});

test('a route that does not answer keeps nobody waiting for longer than twice, and a goodbye not even that', async (t) => {
  const server = createServer(() => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const begun = performance.now();
  const failing = Array.from({ length: 500 }, () =>
    assert.rejects(routeApi(url, 500).online(''), /no answer in 0.5 s/),
  );
  await assert.rejects(routeApi(url).offLine(1_001 as UserId, ''), /no answer in 3 s/);
  await Promise.all(failing);
  assert.ok(performance.now() - begun < 4_500);
});
