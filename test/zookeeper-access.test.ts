/** Routes and im-servers as processes: a credential for ZooKeeper, a path of their own, and servers of CIM beside them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parts, RedisProcess, ServerProcess, until, ZooKeeperProcess } from '@cim/testkit';
import { type Client, CreateMode, createClient } from 'node-zookeeper-client';

interface Ready {
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly imServers: number;
}
const readiness = async (route: ServerProcess): Promise<Ready> =>
  (await (await fetch(`${route.routeUrl}/readyz`)).json()) as Ready;

async function connected(address: string): Promise<Client> {
  const client = createClient(address);
  await new Promise<void>((resolve) => {
    client.once('connected', () => resolve());
    client.connect();
  });
  return client;
}

test('a cluster with a credential and a path of its own is closed to others; beside servers of CIM an im-server starts only when told to', async () => {
  await using parts = new Parts();
  const [redis, zooKeeper] = await Promise.all([
    parts.add(() => RedisProcess.start()),
    parts.add(() => ZooKeeperProcess.start()),
  ]);
  const env = { CIM_REDIS_URL: redis.url };
  const stranger = await connected(zooKeeper.address);
  parts.onDown(() => stranger.close());
  const create = (path: string, mode: number): Promise<string> =>
    new Promise((resolve, reject) => {
      stranger.create(path, Buffer.from(''), mode, (error, made) =>
        error instanceof Error ? reject(error) : resolve(made),
      );
    });

  const closed = { ...env, CIM_ZK: `${zooKeeper.address}/teams/red`, CIM_ZK_AUTH: 'cim:a secret of ours' };
  const route = await parts.add(() => ServerProcess.start('route', closed));
  assert.deepEqual((await readiness(route)).missing.length, 1);
  const server = await parts.add(() => ServerProcess.start('im-server', closed));
  await until('the route is ready', async () => (await readiness(route)).ready);
  await assert.rejects(create('/teams/red/cim/10.9.0.1:11211:8081', CreateMode.EPHEMERAL), /NO_AUTH/);
  assert.doesNotMatch(`${route.log}${route.output}${server.log}${server.output}`, /a secret of ours/);

  const open = { ...env, CIM_ZK: zooKeeper.address };
  await create('/cim', CreateMode.PERSISTENT);
  await create('/cim/10.9.0.1:11211:8081', CreateMode.EPHEMERAL);
  const outside = await parts.add(() => ServerProcess.start('route', open));
  assert.match((await readiness(outside)).missing.join(), /lists no im-server of ours \(1 foreign\)/);
  await assert.rejects(
    ServerProcess.start('im-server', open),
    /im-server: \/cim in ZooKeeper lists servers [^\n]*10\.9\.0\.1:11211:8081[^\n]*CIM_ZK_SHARE_WITH_CIM=true/,
  );
  await parts.add(() => ServerProcess.start('im-server', { ...open, CIM_ZK_SHARE_WITH_CIM: 'true' }));
  await until('the route is ready', async () => (await readiness(outside)).imServers === 1);
});
