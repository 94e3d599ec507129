/** Clients on WebSockets in a cluster of real processes, beside one on TCP; their im-server is killed meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { cim } from '@cim/protocol';
import { Cluster, until } from '@cim/testkit';
import { post, WebSocketClient } from './web-socket-client.ts';

test('a WebSocket logs in, sends and receives, and goes on at another server when its own was killed', async () => {
  await using cluster = await Cluster.start({ routes: 1, imServers: 2 });
  const routeUrl = cluster.routes[0]?.routeUrl ?? '';
  const [ann, ben] = [
    await WebSocketClient.register({ routeUrl }, 'ann'),
    await WebSocketClient.register({ routeUrl }, 'ben'),
  ];
  const tom = new CimClient({ routeUrl, userName: 'tom', state: memoryState() });
  const ofTom: string[] = [];
  tom.on('message', ({ texts }) => void ofTom.push(...texts));
  await tom.connect();
  await ann.connect();
  await ben.connect();
  try {
    ann.send(ben.userId, 1, 'from a WebSocket to a WebSocket');
    ann.send(tom.user?.userId ?? 0, 1, 'from a WebSocket to TCP');
    await until('ben has it', () => ben.shown.length === 1);
    await until('tom has it', () => ofTom.length === 1);
    // A receipt may come behind the message itself.
    await until('ann has a receipt', () => ann.receipts.has(1));
    assert.equal(ann.receipts.get(1), cim.Outcome.STORED);
    const answer = await tom.send({ user: ben.userId }, ['from TCP to a WebSocket']);
    assert.equal(answer.outcome, 'stored');
    await until('ben has both', () => ben.shown.length === 2);

    const where = cluster.imServers.find((server) => server.output.includes(`:${ben.port}`));
    assert.ok(where, `no server says that it listens on ${ben.port}`);
    await where.end('SIGKILL');
    await until('ben notices', () => ben.closed !== undefined);
    const missed = await post({ routeUrl }, '/p2pRoute', {
      userId: tom.user?.userId,
      receiveUserId: ben.userId,
      msg: 'while ben was away',
    }).catch((error: unknown) => String(error));
    assert.match(String(missed), /null|7000/);
    await until('ben can log in again', () =>
      ben.connect().then(
        () => true,
        () => false,
      ),
    );
    await until('ben has what he missed', () => ben.shown.length === 3, 30_000);
    assert.deepEqual(ben.shown, [
      'from a WebSocket to a WebSocket',
      'from TCP to a WebSocket',
      'while ben was away',
    ]);
  } finally {
    ann.end();
    ben.end();
    await tom.close();
  }
});
