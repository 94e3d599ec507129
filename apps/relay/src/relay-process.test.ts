/** Runs relays as processes of their own, and kills them while messages are sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { openRedisStore } from '@cim/store';
import {
  faultsOf,
  newWebhook,
  Receiver,
  RedisProcess,
  SECRET,
  Senders,
  ServerProcess,
  until,
} from '@cim/testkit';

test('two relays share the work; when one is killed the other takes over, no event is lost, and the order holds', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() });
  t.after(() => store.stop());
  await using receiver = await new Receiver(SECRET).start();
  await store.webhooks.put(newWebhook(receiver.url, { batch: 10 }));
  const env = { CIM_REDIS_URL: redis.url, CIM_OUTCALL_HOSTS: '127.0.0.1' };
  const start = () => ServerProcess.start('relay', env);
  const partitionsOf = async ({ relayUrl }: ServerProcess): Promise<number> => {
    const page = await (await fetch(`${relayUrl}/metrics`)).text();
    return Number(/^cim_relay_partitions\{.* (\d+)$/m.exec(page)?.[1]);
  };
  await using first = await start();
  await using second = await start();
  await until('each has about half', async () => {
    const [one = 0, other = 0] = await Promise.all([first, second].map(partitionsOf));
    return one + other === 256 && one > 64 && other > 64;
  });

  const senders = new Senders(store);
  const users = await Promise.all(Array.from({ length: 24 }, () => senders.newUser()));
  const says = async (round: number): Promise<void> => {
    await Promise.all(
      users.map((from, i) => senders.send(from, users[(i + 1) % users.length] ?? from, `${round}`)),
    );
  };
  let rounds = 0;
  for (; rounds < 20; rounds++) await says(rounds);
  await until('some are told', () => receiver.taken.length > 50);
  await first.end('SIGKILL');
  const killedAt = performance.now();
  for (; rounds < 40; rounds++) await says(rounds);
  const told = (): number => new Set(receiver.taken.map(({ id }) => id)).size;
  await until('all are told', () => told() === rounds * users.length);
  assert.ok(performance.now() - killedAt < 30_000);
  assert.equal(await partitionsOf(second), 256);
  assert.deepEqual(faultsOf(receiver.taken, senders.stored), []);
});

test('a relay goes on after Redis was killed and started again', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const store = await openRedisStore({ url: redis.url, durability: 'disk', logger: silentLogger() });
  t.after(() => store.stop());
  await using receiver = await new Receiver(SECRET).start();
  await store.webhooks.put(newWebhook(receiver.url));
  await using relay = await ServerProcess.start('relay', {
    CIM_REDIS_URL: redis.url,
    CIM_OUTCALL_HOSTS: '127.0.0.1',
  });
  const ready = async (): Promise<boolean> => (await fetch(`${relay.relayUrl}/readyz`)).status === 200;
  await until('it is ready', ready);
  const senders = new Senders(store);
  const [ann, ben] = await Promise.all([senders.newUser(), senders.newUser()]);
  await until('it is told', async () => {
    await senders.send(ann, ben, 'x');
    return receiver.taken.length > 0;
  });
  await redis.kill();
  await until('it is not ready', async () => !(await ready()));
  await redis.start();
  await until('the store is back', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  const first = senders.stored.get(`u${ann.userId}-u${ben.userId}`)?.length ?? 0;
  for (let i = 0; i < 10; i++) await senders.send(ann, ben, `${i}`);
  await until('all are told', () => new Set(receiver.taken.map(({ id }) => id)).size >= first + 10);
  const [oldest] = receiver.taken;
  const ids = senders.stored.get(`u${ann.userId}-u${ben.userId}`) ?? [];
  const from = ids.indexOf(String((oldest?.data as { id: unknown }).id));
  assert.deepEqual(
    faultsOf(receiver.taken, new Map([[`u${ann.userId}-u${ben.userId}`, ids.slice(from)]])),
    [],
  );
});
