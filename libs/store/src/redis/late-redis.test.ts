import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { RedisProcess, until } from '@cim/testkit';
import { appendOk, newPair } from '../../test/contract-fixture.ts';
import { Endpoint } from '../../test/endpoint.ts';
import { openRedisStore } from './redis-store.ts';

test('the start goes on without a Redis that hangs: one line, not ready, and open when Redis answers', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  const endpoint = await Endpoint.start(0);
  t.after(() => endpoint[Symbol.asyncDispose]());
  const lines: string[] = [];
  const say = (fields: unknown, event?: string): void =>
    void lines.push(typeof fields === 'string' ? fields : (event ?? ''));
  const logger = { ...silentLogger(), info: say, warn: say, error: say } as never;
  const store = await openRedisStore({
    url: endpoint.url,
    durability: 'disk',
    logger,
    startMs: 100,
    checkMs: 100,
  });
  t.after(() => store.stop());
  await assert.rejects(store.ping(), /cannot be used/);
  await until('several attempts have failed', () => endpoint.accepted >= 3);
  assert.deepEqual(lines, ['store.not-ready']);
  endpoint.pointTo(redis.port);
  await store.opened;
  const { sends } = await newPair(store);
  await appendOk(store, sends.item(1));
  assert.deepEqual(lines, ['store.not-ready', 'store.ready-again']);
});

test('a Redis that comes late and cannot keep the promise is refused all the same', async (t) => {
  const redis = await RedisProcess.start();
  t.after(() => redis[Symbol.asyncDispose]());
  await redis.kill();
  const store = await openRedisStore({
    url: redis.url,
    durability: 'disk',
    logger: silentLogger(),
    startMs: 100,
    checkMs: 100,
  });
  t.after(() => store.stop());
  const refused = assert.rejects(store.opened, /mend it with: CONFIG SET appendfsync always/);
  await redis.start(['--appendfsync', 'everysec']);
  await refused;
});
