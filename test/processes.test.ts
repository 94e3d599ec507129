/** One command runs an im-server for each core: several processes, each with ports and an identity of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { Cluster, freePorts, ServerProcess, until } from '@cim/testkit';

/** The processes that a supervisor has started and that run, by their ids. */
const processesOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

test('people of two processes of one machine talk to each other; one process is killed and comes back', {
  timeout: 120_000,
}, async () => {
  await using cluster = await Cluster.start({ routes: 1, imServers: 0 });
  const { redis, zooKeeper, routes } = cluster;
  const env = { CIM_REDIS_URL: redis.url, CIM_ZK: zooKeeper.address, CIM_PROCESSES: '2' };
  const supervisor = await ServerProcess.start('im-server', env);
  try {
    await until('all processes serve', () => /im-server runs in 2 processes/.test(supervisor.output));
    await cluster.untilListed(2);
    const routeUrl = routes[0]?.routeUrl ?? '';
    const names = ['ann', 'bob'];
    const shown: Record<string, string[]> = { ann: [], bob: [] };
    const people = names.map((userName) => new CimClient({ routeUrl, userName, state: memoryState() }));
    try {
      for (const [i, person] of people.entries()) {
        person.on('message', ({ texts }) => {
          shown[names[i] ?? '']?.push(...texts);
        });
        await person.connect();
      }
      const [ann, bob] = people;
      assert.ok(ann?.user && bob?.user);
      const logins = (): number => [...supervisor.log.matchAll(/"msg":"session.live"/g)].length;
      await until('the log has both logins', () => logins() === 2);
      const [annId, bobId] = [ann.user.userId, bob.user.userId];
      await Promise.all([ann.send({ user: bobId }, ['to bob']), bob.send({ user: annId }, ['to ann'])]);
      await until('both have read', () => shown['ann']?.length === 1 && shown['bob']?.length === 1);

      const [killed = 0, other = 0] = processesOf(supervisor.pid);
      process.kill(killed, 'SIGKILL');
      await Promise.all([
        ann.send({ user: bobId }, ['more to bob']),
        bob.send({ user: annId }, ['more to ann']),
      ]);
      await until('both have read that too', () => shown['ann']?.length === 2 && shown['bob']?.length === 2);
      await until('a process has taken its place', () => {
        const now = processesOf(supervisor.pid);
        return now.length === 2 && now.includes(other) && !now.includes(killed);
      });
      await until('it serves', () => [...supervisor.log.matchAll(/"msg":"im-server.ready"/g)].length === 3);
    } finally {
      await Promise.all(people.map((person) => person.close()));
    }
    assert.deepEqual(shown, { ann: ['to ann', 'more to ann'], bob: ['to bob', 'more to bob'] });
  } finally {
    assert.equal(await supervisor.end('SIGTERM'), 0);
  }
});

test('a second supervisor on the same ports starts nothing and says which port is in use', async () => {
  const [first = 0] = await freePorts(1);
  const taken = createServer().listen(first + 10, '127.0.0.1');
  await once(taken, 'listening');
  try {
    const env = { CIM_PROCESSES: '2', CIM_TCP_PORT: String(first), CIM_HTTP_PORT: '0' };
    const second = ServerProcess.launch('im-server', env);
    await until('it has ended', () => second.ended);
    assert.equal(await second.end(), 1);
    assert.match(
      second.log,
      new RegExp(`^im-server: port ${first + 10} on 127.0.0.1 is in use; nothing was started[^\n]*\n$`),
    );
  } finally {
    taken.close();
  }
});
