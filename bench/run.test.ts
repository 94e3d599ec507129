import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Clock } from './clock.ts';
import { Fleet } from './fleet.ts';
import { parseOptions } from './options.ts';
import { openLoad, registerUsers } from './run.ts';

test('registers users on the CIM wire so that none share an id taken from a millisecond clock', async () => {
  let requests = 0;
  const owners = new Map<number, string>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { userName } = JSON.parse(body) as { userName: string };
      requests++;
      // The second route of a cluster, whose clock is behind: it gives one id that the first has given.
      const userId = requests === 3 ? ([...owners.keys()][0] ?? 0) : Date.now();
      owners.set(userId, userName);
      response.end(JSON.stringify({ code: '9000', dataBody: { userId, userName } }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fleet = new Fleet(2);
  const parsed = parseOptions(['group', '--wire', 'cim', '--workers', '2']);
  assert.ok(parsed.kind === 'options');
  const routeUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const target = { routeUrl, description: '', processes: [], [Symbol.asyncDispose]: () => Promise.resolve() };
  const run = { options: parsed.options, target, fleet, clock: new Clock(), progress: () => undefined };
  try {
    await openLoad(run, 'cim', routeUrl, 64);
    const users = await registerUsers(run, 50);
    assert.deepEqual(
      users.map(({ index }) => index),
      Array.from({ length: 50 }, (_, index) => index),
    );
    assert.equal(new Set(users.map(({ userId }) => userId)).size, 50);
    for (const { userId, userName } of users) assert.equal(owners.get(userId), userName);
  } finally {
    fleet.end();
    server.close();
  }
});
